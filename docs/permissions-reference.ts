/** The least permissions of one service or command, and predefined roles that contain them. */
export interface PermissionsRow {
  readonly who: string;
  readonly permissions: readonly string[];
  /** Each with the resource to grant it on. */
  readonly roles: readonly string[];
}

const SUBSCRIBER = '`roles/pubsub.subscriber` on the subscription';
const DEAD_LETTERS = '`roles/pubsub.publisher` on the dead-letter topic';

/** The table of docs/permissions.md. A test runs each row with these permissions only, and finds each of them used. */
export const PERMISSIONS = {
  ingestion: {
    who: '`run` ingestion',
    permissions: ['pubsub.topics.publish'],
    roles: ['`roles/pubsub.publisher` on its topics and the dead-letter topic'],
  },
  enrich: {
    who: '`run` enrich',
    permissions: ['datastore.entities.get', 'pubsub.subscriptions.consume', 'pubsub.topics.publish'],
    roles: [
      SUBSCRIBER,
      '`roles/pubsub.publisher` on its topics and the dead-letter topic',
      '`roles/datastore.viewer` on the project, with `lookup.firestore`',
    ],
  },
  icestore: {
    who: '`run` icestore, of an existing bucket',
    permissions: ['pubsub.subscriptions.consume', 'pubsub.topics.publish', 'storage.objects.create'],
    roles: [SUBSCRIBER, DEAD_LETTERS, '`roles/storage.objectCreator` on the bucket'],
  },
  bigqueries: {
    who: '`run` bigqueries, of an existing table',
    permissions: ['bigquery.tables.updateData', 'pubsub.subscriptions.consume', 'pubsub.topics.publish'],
    roles: [SUBSCRIBER, DEAD_LETTERS, '`roles/bigquery.dataEditor` on the table'],
  },
  provision: {
    who: '`provision`, all four pipelines',
    permissions: [
      'bigquery.datasets.create',
      'bigquery.datasets.get',
      'bigquery.tables.create',
      'bigquery.tables.get',
      'pubsub.subscriptions.create',
      'pubsub.subscriptions.get',
      'pubsub.topics.attachSubscription',
      'pubsub.topics.create',
      'pubsub.topics.get',
      'storage.buckets.create',
      'storage.buckets.get',
    ],
    roles: ['`roles/pubsub.editor`, `roles/bigquery.dataEditor` and `roles/storage.admin` on the project'],
  },
  teardown: {
    who: '`teardown --with-data`, all four pipelines',
    permissions: [
      'bigquery.datasets.delete',
      'bigquery.datasets.get',
      'bigquery.tables.delete',
      'bigquery.tables.get',
      'bigquery.tables.list',
      'pubsub.subscriptions.delete',
      'pubsub.subscriptions.get',
      'pubsub.topics.delete',
      'pubsub.topics.get',
      'storage.buckets.delete',
      'storage.buckets.get',
      'storage.objects.delete',
      'storage.objects.list',
    ],
    roles: [
      '`roles/pubsub.editor`, `roles/bigquery.dataOwner` and `roles/storage.admin` on the project; without ' +
        '`--with-data`, also `pubsub.subscriptions.consume` and `bigquery.tables.getData`, which these roles contain',
    ],
  },
  doctor: {
    who: '`doctor`, all four pipelines',
    permissions: [
      'bigquery.datasets.get',
      'bigquery.tables.get',
      'datastore.entities.get',
      'datastore.entities.list',
      'pubsub.subscriptions.get',
      'pubsub.topics.get',
      'storage.buckets.get',
    ],
    roles: [
      'the roles of the service, `roles/pubsub.viewer`, `roles/bigquery.metadataViewer` and ' +
        '`roles/storage.legacyBucketReader` on the bucket',
    ],
  },
  deadLetters: {
    who: '`dead-letters list`, `summary`, `show`',
    permissions: ['pubsub.subscriptions.consume', 'pubsub.subscriptions.get'],
    roles: ['`roles/pubsub.subscriber` and `roles/pubsub.viewer` on the dead-letter subscription'],
  },
  deadLettersReplay: {
    who: '`dead-letters replay`',
    permissions: [
      'pubsub.subscriptions.consume',
      'pubsub.subscriptions.get',
      'pubsub.topics.get',
      'pubsub.topics.publish',
    ],
    roles: [
      '`roles/pubsub.subscriber` and `roles/pubsub.viewer` on the dead-letter subscription',
      '`roles/pubsub.viewer` on the source subscription, `roles/pubsub.publisher` and `roles/pubsub.viewer` on its ' +
        'topic; for ingestion none of these, because it replays over MQTT',
    ],
  },
  lookRows: {
    who: '`look rows`',
    permissions: ['bigquery.jobs.create', 'bigquery.jobs.get', 'bigquery.tables.get', 'bigquery.tables.getData'],
    roles: [
      '`roles/bigquery.dataViewer` on the table, `roles/bigquery.jobUser` on the project; the creator of a job may ' +
        'get it',
    ],
  },
  lookArchive: {
    who: '`look archive`',
    permissions: ['storage.objects.get', 'storage.objects.list'],
    roles: ['`roles/storage.objectViewer` on the bucket'],
  },
  replayToPubSub: {
    who: '`replay --to pubsub`',
    permissions: ['pubsub.topics.get', 'pubsub.topics.publish', 'storage.objects.get', 'storage.objects.list'],
    roles: [
      '`roles/storage.objectViewer` on the bucket',
      '`roles/pubsub.publisher` and `roles/pubsub.viewer` on the topic',
    ],
  },
  replayToMqtt: {
    who: '`replay --to mqtt`, `load --replay`',
    permissions: ['storage.objects.get', 'storage.objects.list'],
    roles: ['`roles/storage.objectViewer` on the bucket'],
  },
  lookup: {
    who: '`lookup get`',
    permissions: ['datastore.entities.get'],
    roles: ['`roles/datastore.viewer` on the project'],
  },
} as const satisfies Readonly<Record<string, PermissionsRow>>;

/** Returns the table as Markdown. */
export function permissionsTable(): string {
  const rows: readonly PermissionsRow[] = Object.values(PERMISSIONS);
  const lines = rows.map(({ who, permissions, roles }) => {
    const names = permissions.map((name) => `\`${name}\``).join(', ');
    return `| ${who} | ${names} | ${roles.join('; ')} |`;
  });
  return ['| service or command | permissions | predefined roles |', '| --- | --- | --- |', ...lines, ''].join('\n');
}
