/**
 * The contents of the predefined roles that docs/permissions.md names, as far as it names their permissions.
 *
 * Compared on 2026-11-29 with the output of `gcloud iam roles describe` that https://github.com/iann0036/iam-dataset
 * keeps under `gcp/roles`, at its commit 2073fa5 of 2026-08-22.
 */
export const PREDEFINED_ROLES = {
  'roles/bigquery.dataEditor': [
    'bigquery.datasets.create',
    'bigquery.datasets.get',
    'bigquery.tables.create',
    'bigquery.tables.delete',
    'bigquery.tables.get',
    'bigquery.tables.getData',
    'bigquery.tables.list',
    'bigquery.tables.updateData',
  ],
  'roles/bigquery.dataOwner': [
    'bigquery.datasets.create',
    'bigquery.datasets.delete',
    'bigquery.datasets.get',
    'bigquery.tables.create',
    'bigquery.tables.delete',
    'bigquery.tables.get',
    'bigquery.tables.getData',
    'bigquery.tables.list',
    'bigquery.tables.updateData',
  ],
  'roles/bigquery.dataViewer': [
    'bigquery.datasets.get',
    'bigquery.tables.get',
    'bigquery.tables.getData',
    'bigquery.tables.list',
  ],
  'roles/bigquery.jobUser': ['bigquery.jobs.create'],
  'roles/bigquery.metadataViewer': ['bigquery.datasets.get', 'bigquery.tables.get', 'bigquery.tables.list'],
  'roles/datastore.viewer': ['datastore.entities.get', 'datastore.entities.list'],
  'roles/pubsub.editor': [
    'pubsub.subscriptions.consume',
    'pubsub.subscriptions.create',
    'pubsub.subscriptions.delete',
    'pubsub.subscriptions.get',
    'pubsub.topics.attachSubscription',
    'pubsub.topics.create',
    'pubsub.topics.delete',
    'pubsub.topics.get',
    'pubsub.topics.publish',
  ],
  'roles/pubsub.publisher': ['pubsub.topics.publish'],
  'roles/pubsub.subscriber': ['pubsub.subscriptions.consume', 'pubsub.topics.attachSubscription'],
  'roles/pubsub.viewer': ['pubsub.subscriptions.get', 'pubsub.topics.get'],
  'roles/storage.admin': [
    'storage.buckets.create',
    'storage.buckets.delete',
    'storage.buckets.get',
    'storage.objects.create',
    'storage.objects.delete',
    'storage.objects.get',
    'storage.objects.list',
  ],
  'roles/storage.legacyBucketReader': ['storage.buckets.get', 'storage.objects.list'],
  'roles/storage.objectCreator': ['storage.objects.create'],
  'roles/storage.objectUser': [
    'storage.objects.create',
    'storage.objects.delete',
    'storage.objects.get',
    'storage.objects.list',
  ],
  'roles/storage.objectViewer': ['storage.objects.get', 'storage.objects.list'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Whoever creates a job may get it: https://cloud.google.com/bigquery/docs/jobs-overview */
export const GRANTED_TO_CREATOR: readonly string[] = ['bigquery.jobs.get'];
