import * as v from 'valibot';
import { lookupSchema } from '../../caches/config.ts';
import { byName } from '../../config/by-name.ts';
import { count, messagePath, milliseconds, text } from '../../config/schemas.ts';
import { fieldNames } from '../../core/path-parts.ts';
import { retrySchema } from '../../operators/retry-with-backoff.ts';
import { publishSchema } from '../../sinks/pubsub/config.ts';
import { orderingKeySchema } from '../../sinks/pubsub/ordering-key.ts';
import { consumerEntries } from '../config.ts';

/** What becomes of a message that cannot be enriched. */
const policy = v.picklist(['pass', 'drop', 'deadLetter']);

const fieldName = v.pipe(
  text,
  v.rawCheck(({ dataset, addIssue }) => {
    const names = dataset.typed ? fieldNames(dataset.value) : [];
    if (typeof names === 'string') addIssue({ message: names });
  }),
);

/** Configuration of an enrich service: Pub/Sub to Pub/Sub, with what is known about the device added. */
export const enrichSchema = v.strictObject({
  service: v.literal('enrich'),
  ...consumerEntries,
  /** Paths to the key of the lookup; the first that leads to a text or number is taken. */
  key: v.optional(v.pipe(v.array(messagePath), v.minLength(1)), ['enrichmentData.DeviceID', 'attributes.uid']),
  /** Needed, unless the pipeline has a hook `fetcher`. */
  lookup: v.optional(lookupSchema, {}),
  /** What is added to the enrichment data: its name, and the field of the looked-up data. Dots go deeper; a name with a dot is `["a.b"]`. */
  apply: v.optional(byName(fieldName), { name: 'ClientID', location: 'LocationID', serviceTag: 'Category' }),
  /** A message in which no path leads to a key. */
  withoutKey: v.optional(policy, 'pass'),
  /** A message whose key is known to have no data. */
  withoutData: v.optional(policy, 'pass'),
  /** Lookups at one time; those of one key follow each other. */
  concurrency: v.optional(count({ max: 100_000 }), 1_000),
  retry: v.optional(retrySchema, {}),
  /** How long an outage of the last layer or of the output is waited out before a message goes back to Pub/Sub. */
  giveUpAfterMs: v.optional(milliseconds({ min: 1 }), 300_000),
  output: v.strictObject({
    topicId: text,
    /** By what Pub/Sub keeps order: a path, or a path and buckets. Default: the ordering key that the message came with. */
    orderingKey: v.optional(orderingKeySchema),
  }),
  publish: v.optional(publishSchema, {}),
});

export type EnrichConfig = v.InferOutput<typeof enrichSchema>;
