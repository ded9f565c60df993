import * as v from 'valibot';
import { byName } from '../../config/by-name.ts';
import { count, messagePath, milliseconds, setting, text } from '../../config/schemas.ts';
import { publishSchema } from '../../connectors/pubsub/config.ts';
import { orderingKeySchema } from '../../connectors/pubsub/ordering-key.ts';
import { fieldNames } from '../../core/path-parts.ts';
import { lookupProblems, lookupSchema } from '../../lookup/config.ts';
import { retrySchema } from '../../operators/retry.ts';
import { consumerEntries, consumerWarnings } from '../config.ts';
import type { ServiceSettings } from '../define-service.ts';

/** The handling of a message that cannot be enriched. */
const policy = v.picklist(['pass', 'drop', 'deadLetter']);

const fieldName = v.pipe(
  text,
  v.rawCheck(({ dataset, addIssue }) => {
    const names = dataset.typed ? fieldNames(dataset.value) : [];
    if (typeof names === 'string') addIssue({ message: names });
  }),
);

/** Configuration of an enrich service: Pub/Sub to Pub/Sub, adding data about the device. */
export const enrichSchema = v.strictObject({
  service: setting(v.literal('enrich'), 'Selects this service.'),
  ...consumerEntries,
  key: setting(
    v.optional(v.pipe(v.array(messagePath), v.minLength(1)), ['enrichmentData.DeviceID', 'attributes.uid']),
    'Paths to the lookup key. The first that has a string or a number is used.',
  ),
  lookup: setting(
    v.optional(lookupSchema, {}),
    'Layers of the lookup, in order. One of `redis`, `firestore` and a hook `fetcher` is required.',
    { unset: 'none' },
  ),
  apply: setting(
    v.optional(byName(fieldName), { name: 'ClientID', location: 'LocationID', serviceTag: 'Category' }),
    'Names in the enrichment data, each with a field of the looked-up data. `a.b` is nested; `["a.b"]` is a single name.',
  ),
  withoutKey: setting(v.optional(policy, 'pass'), 'Handling of a message without a key.'),
  withoutData: setting(v.optional(policy, 'pass'), 'Handling of a message whose key has no data.'),
  concurrency: setting(
    v.optional(count({ max: 100_000 }), 1_000),
    'The most concurrent lookups. Those of one key run in sequence.',
  ),
  retry: v.optional(retrySchema, {}),
  giveUpAfterMs: setting(
    v.optional(milliseconds({ min: 1 }), 300_000),
    'Time for which the last layer or the output is retried during an outage before a message goes back to ' +
      'Pub/Sub.',
  ),
  output: v.strictObject({
    topicId: setting(text, 'Short name of the topic to publish to, in `google.projectId`.', { example: 'enriched' }),
    orderingKey: setting(
      v.optional(orderingKeySchema),
      'Value that Pub/Sub keeps order by: a path, or a path and a number of buckets. See [ordering](ordering.md).',
      { example: 'enrichmentData.DeviceID', unset: "the message's original ordering key" },
    ),
  }),
  publish: v.optional(publishSchema, {}),
});

export type EnrichConfig = v.InferOutput<typeof enrichSchema>;

export const settings = {
  name: 'enrich',
  schema: enrichSchema,
  hooks: ['keyExtractor', 'fetcher', 'applier'] as const,
  hookProblems: ({ lookup }, hooks) => lookupProblems(lookup, hooks.fetcher !== undefined),
  warnings: (config, hooks) => {
    const warnings = consumerWarnings(config);
    const { redis, firestore } = config.lookup;
    if (hooks.fetcher === undefined && redis !== undefined && firestore === undefined && !redis.keyPrefix) {
      warnings.push(
        'lookup.redis.keyPrefix: not set, although Redis is the registry: a device that chooses its id can read any JSON object in that Redis; set one, or use a separate db',
      );
    }
    return warnings;
  },
} satisfies ServiceSettings<EnrichConfig>;
