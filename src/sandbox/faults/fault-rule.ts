import * as v from 'valibot';

const positive = v.pipe(v.number(), v.minValue(0));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const chance = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

/** The calls to fail, and how. The effects apply in the order of the fields. */
export const faultRuleSchema = v.strictObject({
  server: v.picklist(['pubsub', 'firestore', 'storage', 'bigquery']),
  /**
   * As in Google's reference, for example `Publish`, `StreamingPull`, `BatchGetDocuments`, `storage.objects.insert`,
   * `tabledata.insertAll`. `*` matches anything.
   */
  method: v.optional(v.string(), '*'),
  /**
   * The topic, subscription, document, `bucket/object` or `dataset.table` of a call. `*` matches anything. The resource
   * of BatchGetDocuments is its database.
   */
  resource: v.optional(v.string(), '*'),
  /** Number of matching calls that pass first. */
  skip: v.optional(count, 0),
  /** Number of calls after which the rule expires. Default: until it is removed. */
  times: v.optional(count),
  probability: v.optional(chance, 1),
  /** The same seed selects the same calls. */
  seed: v.optional(count, 1),
  latencyMs: v.optional(positive),
  /** Delays the answer until the rule is removed. Open StreamingPulls deliver nothing in the meantime. */
  stall: v.optional(v.boolean(), false),
  /** Refuses the call before its work. Open StreamingPulls end. */
  error: v.optional(
    v.strictObject({
      /** A gRPC status by name (`UNAVAILABLE`), or an HTTP status (503), depending on the server. */
      code: v.union([v.string(), count]),
      message: v.optional(v.string(), 'injected fault'),
      /** HTTP: the reason in the body, for example `rateLimitExceeded`. */
      reason: v.optional(v.string(), 'backendError'),
      retryAfterSeconds: v.optional(positive),
    }),
  ),
  /** Does the work, then loses the response: HTTP breaks the connection, gRPC answers UNAVAILABLE. */
  dropResponse: v.optional(v.boolean(), false),
  /** `tabledata.insertAll` only: some rows fail with an error and are not stored. */
  rowErrors: v.optional(v.strictObject({ reason: v.string(), probability: v.optional(chance, 1) })),
});

export type FaultRule = v.InferInput<typeof faultRuleSchema>;
export type ParsedRule = v.InferOutput<typeof faultRuleSchema>;

/** @throws Error naming each invalid field. */
export function parseFaultRule(rule: unknown): ParsedRule {
  const parsed = v.safeParse(faultRuleSchema, rule);
  if (parsed.success) return parsed.output;
  const problems = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'rule'}: ${issue.message}`);
  throw new Error(problems.join('\n'));
}
