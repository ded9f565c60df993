import * as v from 'valibot';

const positive = v.pipe(v.number(), v.minValue(0));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const chance = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

/** Which calls go wrong, and how. What happens to a call happens in the order of the fields. */
export const faultRuleSchema = v.strictObject({
  server: v.picklist(['pubsub', 'firestore', 'storage', 'bigquery']),
  /**
   * As in Google's reference, for example `Publish`, `StreamingPull`, `BatchGetDocuments`, `storage.objects.insert`,
   * `tabledata.insertAll`. `*` stands for anything.
   */
  method: v.optional(v.string(), '*'),
  /**
   * The topic, subscription, document, `bucket/object` or `dataset.table` that a call is about. `*` stands for anything.
   * BatchGetDocuments is about its database.
   */
  resource: v.optional(v.string(), '*'),
  /** Lets the first so many matching calls pass. */
  skip: v.optional(count, 0),
  /** Is used up after so many; without, it stands until it is removed. */
  times: v.optional(count),
  probability: v.optional(chance, 1),
  /** The same seed chooses the same calls. */
  seed: v.optional(count, 1),
  latencyMs: v.optional(positive),
  /** No answer until the rule is removed; then the call goes on. Open StreamingPulls deliver nothing meanwhile. */
  stall: v.optional(v.boolean(), false),
  /** The call is refused before its work. Open StreamingPulls end. */
  error: v.optional(
    v.strictObject({
      /** A gRPC status by name (`UNAVAILABLE`), or an HTTP status (503), as the server speaks. */
      code: v.union([v.string(), count]),
      message: v.optional(v.string(), 'injected fault'),
      /** HTTP: the reason in the body, for example `rateLimitExceeded`. */
      reason: v.optional(v.string(), 'backendError'),
      retryAfterSeconds: v.optional(positive),
    }),
  ),
  /** The work is done, then the response is lost: HTTP breaks the connection, gRPC answers UNAVAILABLE. */
  dropResponse: v.optional(v.boolean(), false),
  /** `tabledata.insertAll` only: some rows are answered with an error, and not stored. */
  rowErrors: v.optional(v.strictObject({ reason: v.string(), probability: v.optional(chance, 1) })),
});

export type FaultRule = v.InferInput<typeof faultRuleSchema>;
export type ParsedRule = v.InferOutput<typeof faultRuleSchema>;

/** @throws Error that names each field that is wrong. */
export function parseFaultRule(rule: unknown): ParsedRule {
  const parsed = v.safeParse(faultRuleSchema, rule);
  if (parsed.success) return parsed.output;
  const problems = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'rule'}: ${issue.message}`);
  throw new Error(problems.join('\n'));
}
