import * as v from 'valibot';
import { count, flag, milliseconds, text } from '../config/schemas.ts';
import { tableSchema } from '../sinks/bigquery/config.ts';
import { tableRules } from '../sinks/bigquery/table-rules.ts';

const DAY_LIMIT = 3_650;

/** https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names */
const pubsubId = v.pipe(
  v.string(),
  v.regex(
    /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/,
    'expected 3 to 255 letters, digits and -_.~+%, beginning with a letter, and not with goog',
  ),
);

/** https://cloud.google.com/storage/docs/buckets#naming */
const bucketName = v.pipe(
  v.string(),
  v.regex(
    /^(?!goog)(?!.*google)[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/,
    'expected 3 to 63 small letters, digits and -_., at both ends a letter or digit, and no "google"',
  ),
);

/** https://cloud.google.com/bigquery/docs/datasets#dataset-naming */
const datasetId = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_]{1,1024}$/, 'expected 1 to 1,024 letters, digits and underscores'),
);

const topicSchema = v.strictObject({ topicId: pubsubId });

const subscriptionSchema = v.strictObject({
  subscriptionId: pubsubId,
  topicId: pubsubId,
  /** Whether messages of one ordering key come in order. Cannot be changed later. */
  ordering: v.optional(flag, false),
  exactlyOnce: v.optional(flag, false),
  ackDeadlineSeconds: v.optional(count({ min: 10, max: 600 }), 60),
  /** How long what nobody has acknowledged is kept. */
  retentionDays: v.optional(count({ max: 31 }), 7),
  /** What a message that goes back waits before it comes again. Default: nothing. */
  retryPolicy: v.optional(
    v.strictObject({
      minimumBackoffMs: v.optional(milliseconds({ max: 600_000 }), 10_000),
      maximumBackoffMs: v.optional(milliseconds({ max: 600_000 }), 600_000),
    }),
  ),
  /** Pub/Sub's own: where a message goes that has come too often. Outages count here too. */
  deadLetterPolicy: v.optional(
    v.strictObject({ topicId: pubsubId, maxDeliveryAttempts: v.optional(count({ min: 5, max: 100 }), 100) }),
  ),
});

const lifecycleRule = v.variant('action', [
  v.strictObject({ action: v.literal('delete'), afterDays: count({ max: DAY_LIMIT }) }),
  v.strictObject({
    action: v.literal('move'),
    afterDays: count({ max: DAY_LIMIT }),
    storageClass: v.picklist(['NEARLINE', 'COLDLINE', 'ARCHIVE']),
  }),
]);

const bucketSchema = v.strictObject({
  name: bucketName,
  location: v.optional(text),
  storageClass: v.optional(text),
  /** What becomes of objects with time. Default: they stay as they are. */
  lifecycle: v.optional(v.array(lifecycleRule), []),
});

const datasetSchema = v.strictObject({ datasetId, location: v.optional(text) });

const tableEntries = v.strictObject({
  datasetId,
  tableId: text,
  schema: v.optional(tableSchema.entries.schema),
  partitioning: tableSchema.entries.partitioning,
  clustering: tableSchema.entries.clustering,
});

/** A table; where it is the pipeline's own, its schema is that of the setting `table`, and need not be said again. */
const tableEntry = v.pipe(tableEntries, tableRules<v.InferOutput<typeof tableEntries>>());

const ownerName = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9_-]{1,63}$/, 'expected 1 to 63 small letters, digits, - and _: it becomes a label'),
);

/** What the commands `provision` and `teardown` create and delete for a pipeline. Services do not read it. */
export const resourcesSchema = v.strictObject({
  /** Whose they are, as a label on each says: only the owner deletes them. Default: the name of the pipeline's folder. */
  owner: v.optional(ownerName),
  topics: v.optional(v.array(topicSchema), []),
  subscriptions: v.optional(v.array(subscriptionSchema), []),
  buckets: v.optional(v.array(bucketSchema), []),
  datasets: v.optional(v.array(datasetSchema), []),
  tables: v.optional(v.array(tableEntry), []),
});

export type ResourcesConfig = v.InferOutput<typeof resourcesSchema>;
export type TopicResource = v.InferOutput<typeof topicSchema>;
export type SubscriptionResource = v.InferOutput<typeof subscriptionSchema>;
export type BucketResource = v.InferOutput<typeof bucketSchema>;
export type DatasetResource = v.InferOutput<typeof datasetSchema>;
export type TableResource = v.InferOutput<typeof tableEntry>;
