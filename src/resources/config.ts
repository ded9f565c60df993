import * as v from 'valibot';
import { count, flag, milliseconds, setting, text } from '../config/schemas.ts';
import { tableSchema } from '../connectors/bigquery/config.ts';
import { tableRules } from '../connectors/bigquery/table-rules.ts';

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
    'expected 3 to 63 lowercase letters, digits and -_., with a letter or digit at both ends, without "google"',
  ),
);

/** https://cloud.google.com/bigquery/docs/datasets#dataset-naming */
const datasetId = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_]{1,1024}$/, 'expected 1 to 1,024 letters, digits and underscores'),
);

const topicSchema = v.strictObject({
  topicId: setting(pubsubId, 'Short name of the topic.', { example: 'raw' }),
});

const subscriptionSchema = v.strictObject({
  subscriptionId: setting(pubsubId, 'Short name of the subscription.', { example: 'raw-enrich' }),
  topicId: setting(pubsubId, 'Short name of its topic.', { example: 'raw' }),
  ordering: setting(
    v.optional(flag, false),
    'Delivers messages of one ordering key in order. It cannot be changed later.',
  ),
  exactlyOnce: setting(v.optional(flag, false), 'Turns on exactly-once delivery.'),
  ackDeadlineSeconds: setting(v.optional(count({ min: 10, max: 600 }), 60), 'Lease of a delivery, in seconds.'),
  retentionDays: setting(v.optional(count({ max: 31 }), 7), 'Days for which unacknowledged messages are kept.'),
  retryPolicy: setting(
    v.optional(
      v.strictObject({
        minimumBackoffMs: setting(v.optional(milliseconds({ max: 600_000 }), 10_000), 'First wait.'),
        maximumBackoffMs: setting(v.optional(milliseconds({ max: 600_000 }), 600_000), 'Longest wait.'),
      }),
    ),
    'Delay before a returned message is redelivered.',
    { unset: 'no wait' },
  ),
  deadLetterPolicy: setting(
    v.optional(
      v.strictObject({
        topicId: setting(pubsubId, 'Short name of the topic for such messages.', { example: 'raw-set-aside' }),
        maxDeliveryAttempts: setting(
          v.optional(count({ min: 5, max: 100 }), 100),
          'Deliveries after which a message goes there.',
        ),
      }),
    ),
    "Pub/Sub's own dead-letter policy. It also counts outages.",
  ),
});

const ACTION = 'Deletes objects, or moves them to another storage class.';
const afterDays = setting(count({ max: DAY_LIMIT }), 'Age of an object, in days, at which the action applies.', {
  example: 30,
});

const lifecycleRule = v.variant('action', [
  v.strictObject({ action: setting(v.literal('delete'), ACTION), afterDays }),
  v.strictObject({
    action: setting(v.literal('move'), ACTION),
    afterDays,
    storageClass: setting(
      v.picklist(['NEARLINE', 'COLDLINE', 'ARCHIVE']),
      'Storage class that `move` moves objects to.',
    ),
  }),
]);

const bucketSchema = v.strictObject({
  name: setting(bucketName, 'Name of the bucket.', { example: 'my-archive' }),
  location: setting(v.optional(text), 'Location of the bucket.', {
    example: 'EU',
    unset: 'the default of Cloud Storage',
  }),
  storageClass: setting(v.optional(text), 'Storage class of the bucket.', {
    example: 'NEARLINE',
    unset: 'the default of Cloud Storage',
  }),
  lifecycle: v.optional(v.array(lifecycleRule), []),
});

const datasetSchema = v.strictObject({
  datasetId: setting(datasetId, 'Name of the dataset.', { example: 'telemetry' }),
  location: setting(v.optional(text), 'Location of the dataset.', {
    example: 'EU',
    unset: 'the default of BigQuery',
  }),
});

const tableEntries = v.strictObject({
  datasetId: setting(datasetId, 'Dataset of the table.', { example: 'telemetry' }),
  tableId: setting(text, 'Name of the table.', { example: 'readings' }),
  schema: setting(v.optional(tableSchema.entries.schema), 'Columns, with the settings of `table.schema`.', {
    kind: 'list of columns',
    example: [{ name: 'device', type: 'STRING' }],
    unset: "`table.schema`, for the pipeline's own table",
  }),
  partitioning: tableSchema.entries.partitioning,
  clustering: tableSchema.entries.clustering,
});

/** A table. The pipeline's own table takes its schema from the setting `table`. */
const tableEntry = v.pipe(tableEntries, tableRules<v.InferOutput<typeof tableEntries>>());

const ownerName = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9_-]{1,63}$/, 'expected 1 to 63 lowercase letters, digits, - and _: it becomes a label'),
);

/** Resources that `provision` creates and `teardown` deletes for a pipeline. Services ignore them. */
export const resourcesSchema = v.strictObject({
  owner: setting(v.optional(ownerName), 'Owner, stored as a label on each resource. Only the owner deletes it.', {
    example: 'plant-7',
    unset: "the name of the pipeline's folder",
  }),
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
