import { randomBytes } from 'node:crypto';
import { PubSub } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { PREDEFINED_ROLES } from '../docs/predefined-roles.ts';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import { BIGQUERY_PERMISSIONS } from '../src/sandbox/bigquery/permissions.ts';
import { FIRESTORE_PERMISSIONS } from '../src/sandbox/firestore/permissions.ts';
import { PUBSUB_PERMISSIONS } from '../src/sandbox/pubsub/permissions.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { STORAGE_PERMISSIONS } from '../src/sandbox/storage/permissions.ts';
import { createBigQueries } from '../src/services/bigqueries/bigqueries.ts';
import { bigqueriesSchema } from '../src/services/bigqueries/config.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich } from '../src/services/enrich/enrich.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import type { Service } from '../src/services/service.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const ALL: readonly string[] = [
  BIGQUERY_PERMISSIONS,
  FIRESTORE_PERMISSIONS,
  PUBSUB_PERMISSIONS,
  STORAGE_PERMISSIONS,
].flatMap((methods) => Object.values(methods).flat());

const ROLES = {
  objectCreator: PREDEFINED_ROLES['roles/storage.objectCreator'],
  publisher: PREDEFINED_ROLES['roles/pubsub.publisher'],
  subscriber: PREDEFINED_ROLES['roles/pubsub.subscriber'],
  datastoreViewer: PREDEFINED_ROLES['roles/datastore.viewer'],
  dataEditor: PREDEFINED_ROLES['roles/bigquery.dataEditor'],
};

suite('least privilege', (it) => {
  const { test, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(whole, { parts: ['mqtt', 'pubsub', 'firestore', 'storage', 'bigquery'] }));
    pubsub = new PubSub({ projectId: sandbox.projectId });
    whole.defer(() => pubsub.close());
  });
  afterEach(() => {
    sandbox.faults.clear();
    sandbox.settings.change({ deny: [] });
  });

  const allowOnly = (...allowed: readonly (readonly string[])[]) => {
    const kept = new Set(allowed.flat());
    sandbox.settings.change({ deny: ALL.filter((name) => !kept.has(name)) });
  };
  /** Topics with one subscription each, the needs of every service, and the log of one service. */
  const open = async () => {
    const run = `p${randomBytes(4).toString('hex')}`;
    for (const name of [run, `${run}-out`, `${run}-dead`]) {
      await pubsub.createTopic(name);
      await pubsub.topic(name).createSubscription(name);
    }
    const lines: Record<string, unknown>[] = [];
    return {
      run,
      common: {
        google: { projectId: sandbox.projectId },
        http: { host: '127.0.0.1', port: 0 },
        deadLetters: { topicId: `${run}-dead` },
      },
      consumer: { input: 'raw', source: { subscriptionId: run } },
      dependencies: {
        telemetry: { processMetrics: false, destination: { write: (line: string) => lines.push(JSON.parse(line)) } },
      },
      publish: (payload: object) => pubsub.topic(run).publishMessage({ data: Buffer.from(JSON.stringify(payload)) }),
      /** The permissions named in warnings. */
      skipped: () =>
        [...new Set(lines.flatMap(({ event, permission }) => (event === 'check.skipped' ? [permission] : [])))].sort(),
    };
  };
  type Opened = Awaited<ReturnType<typeof open>>;
  const started = async <P>(service: Service<P>): Promise<Service<P>> => {
    scope.defer(() => service.shutdown(2_000));
    await service.start();
    await service.ready;
    return service;
  };
  const isRed = <P>(service: Service<P>, detail: RegExp) =>
    eventually(async () => {
      const reply = await fetch(`${service.url}/readyz`);
      const text = await reply.text();
      assert.is(reply.status, 503, text);
      assert.match(text, detail);
    });
  const failureOf = async <P>(service: Service<P>): Promise<Error> => {
    scope.defer(() => service.shutdown(2_000));
    try {
      await service.start();
    } catch (error) {
      assert.ok(error instanceof Error);
      assert.is(error.name, 'FatalError');
      return error;
    }
    throw new Error('the service started');
  };

  const icestore = ({ run, common, consumer, dependencies }: Opened, bucket: object = {}) =>
    createIcestore(
      v.parse(icestoreSchema, {
        service: 'icestore',
        ...common,
        ...consumer,
        bucket: { name: `bucket-${run}`, ...bucket },
        archive: { maxAgeMs: 50, retry: { maxDelayMs: 200 } },
      }),
      dependencies,
    );
  const bigqueries = ({ run, common, consumer, dependencies }: Opened, table: object = {}) =>
    createBigQueries(
      v.parse(bigqueriesSchema, {
        service: 'bigqueries',
        ...common,
        ...consumer,
        table: { datasetId: run, tableId: 'rows', schema: [{ name: 'what', type: 'STRING' }], ...table },
        insert: { maxDelayMs: 50, retry: { maxDelayMs: 200 } },
      }),
      dependencies,
    );
  const enrich = ({ run, common, consumer, dependencies }: Opened) =>
    createEnrich(
      v.parse(enrichSchema, {
        service: 'enrich',
        ...common,
        ...consumer,
        lookup: { firestore: { collection: run } },
        output: { topicId: `${run}-out` },
      }),
      dependencies,
    );
  const ingestion = ({ run, common, dependencies }: Opened) =>
    createIngestion(
      v.parse(ingestionSchema, {
        service: 'ingestion',
        ...common,
        mqtt: { url: sandbox.env.MQTT_URL, clientId: run, protocolVersion: 4 },
        routes: { all: { source: { mqtt_topic: `${run}/+`, qos: 1 }, destination: { route_name: 'out' } } },
        producers: { out: { outputTopicId: `${run}-out` } },
      }),
      dependencies,
    );

  test('icestore: roles/storage.objectCreator is enough; checks without permission are logged as warnings', async () => {
    const opened = await open();
    await createStorageClient({ projectId: sandbox.projectId }).createBucket(`bucket-${opened.run}`);
    await opened.publish({ what: 'x' });
    allowOnly(ROLES.objectCreator, ROLES.subscriber, ROLES.publisher);
    const service = await started(icestore(opened));
    await eventually(() => assert.is(service.ledger.acked, 1));
    assert.equal(opened.skipped(), ['pubsub.subscriptions.get', 'pubsub.topics.get', 'storage.buckets.get']);
  });

  test('icestore with bucket.create accepts an existing bucket that it may not read or create', async () => {
    const opened = await open();
    await createStorageClient({ projectId: sandbox.projectId }).createBucket(`bucket-${opened.run}`);
    allowOnly(ROLES.objectCreator, ROLES.subscriber, ROLES.publisher, ['storage.buckets.create']);
    const one = await started(icestore(opened, { create: true }));
    await one.shutdown(1_000);
    assert.ok(opened.skipped().includes('storage.buckets.get'));
    allowOnly(ROLES.objectCreator, ROLES.subscriber, ROLES.publisher);
    await started(icestore(opened, { create: true }));
  });

  test('icestore with bucket.create creates a bucket that it may not read', async () => {
    const opened = await open();
    allowOnly(ROLES.objectCreator, ROLES.subscriber, ROLES.publisher, ['storage.buckets.create']);
    await started(icestore(opened, { create: true }));
    sandbox.settings.change({ deny: [] });
    const [exists] = await createStorageClient({ projectId: sandbox.projectId })
      .bucket(`bucket-${opened.run}`)
      .exists();
    assert.ok(exists);
  });

  test('icestore: a missing bucket that may not be created ends the start', async () => {
    const opened = await open();
    sandbox.settings.change({ deny: ['storage.buckets.create'] });
    assert.match(
      (await failureOf(icestore(opened, { create: true }))).message,
      /bucket\.name: .*storage\.buckets\.create/,
    );
  });

  test('bigqueries: roles/bigquery.dataEditor is enough, with table.create too', async () => {
    const opened = await open();
    await opened.publish({ what: 'x' });
    allowOnly(ROLES.dataEditor, ROLES.subscriber, ROLES.publisher);
    const service = await started(bigqueries(opened, { create: true }));
    await eventually(() => assert.is(service.ledger.acked, 1));
    assert.not(opened.skipped().some((name) => String(name).startsWith('bigquery')));
  });

  test('bigqueries: creating a table in a dataset needs no right to create datasets', async () => {
    const opened = await open();
    await createBigQueryClient({ projectId: sandbox.projectId }).createDataset(opened.run);
    const withoutDatasets = ROLES.dataEditor.filter((name) => name !== 'bigquery.datasets.create');
    allowOnly(withoutDatasets, ROLES.subscriber, ROLES.publisher);
    await started(bigqueries(opened, { create: true }));
  });

  test('bigqueries: the right to insert is enough for an existing table', async () => {
    const opened = await open();
    const bigquery = createBigQueryClient({ projectId: sandbox.projectId });
    await bigquery.createDataset(opened.run);
    await bigquery.dataset(opened.run).createTable('rows', { schema: [{ name: 'what', type: 'STRING' }] });
    await opened.publish({ what: 'x' });
    allowOnly(['bigquery.tables.updateData'], ROLES.subscriber, ROLES.publisher);
    for (const create of [false, true]) {
      const service = await started(bigqueries(opened, { create }));
      assert.ok(opened.skipped().includes('bigquery.tables.get'));
      if (!create) await eventually(() => assert.is(service.ledger.acked, 1));
      await service.shutdown(1_000);
    }
  });

  test('enrich: roles/pubsub.subscriber, roles/pubsub.publisher and reading documents are enough', async () => {
    const opened = await open();
    await opened.publish({ what: 'x' });
    allowOnly(ROLES.subscriber, ROLES.publisher, ROLES.datastoreViewer);
    const service = await started(enrich(opened));
    await eventually(() => assert.is(service.ledger.received, service.ledger.acked + service.ledger.deadLettered));
    await eventually(() => assert.is(service.ledger.received, 1));
    assert.equal(opened.skipped(), ['pubsub.subscriptions.get', 'pubsub.topics.get']);
  });

  test('enrich: without permission to read documents, the start fails', async () => {
    const opened = await open();
    allowOnly(ROLES.subscriber, ROLES.publisher);
    assert.match((await failureOf(enrich(opened))).message, /lookup\.firestore\.collection/);
  });

  test('ingestion: roles/pubsub.publisher is enough', async () => {
    const opened = await open();
    allowOnly(ROLES.publisher);
    const service = await started(ingestion(opened));
    const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
    scope.defer(() => client.endAsync(true));
    await client.publishAsync(`${opened.run}/d`, '{}', { qos: 1 });
    await eventually(() => assert.is(service.ledger.acked, 1));
    assert.equal(opened.skipped(), ['pubsub.topics.get']);
  });

  test('dead-letter resources without read permission are logged as warnings', async () => {
    const opened = await open();
    const { run, common } = opened;
    await createStorageClient({ projectId: sandbox.projectId }).createBucket(`bucket-${run}`);
    allowOnly(ROLES.objectCreator, ROLES.subscriber, ROLES.publisher);
    const deadLetters = { ...common.deadLetters, subscriptionId: `${run}-dead`, bucket: `bucket-${run}` };
    await started(icestore({ ...opened, common: { ...common, deadLetters } }));
    assert.equal(opened.skipped(), ['pubsub.subscriptions.get', 'pubsub.topics.get', 'storage.buckets.get']);
  });

  test('a refused call turns the service red and names the permission; waiting messages continue once it is granted', async () => {
    for (const [permission, make] of [
      ['storage.objects.create', icestore],
      ['bigquery.tables.updateData', bigqueries],
      ['pubsub.subscriptions.consume', icestore],
    ] as const) {
      const opened = await open();
      await createStorageClient({ projectId: sandbox.projectId }).createBucket(`bucket-${opened.run}`);
      const bigquery = createBigQueryClient({ projectId: sandbox.projectId });
      await bigquery.createDataset(opened.run);
      await bigquery.dataset(opened.run).createTable('rows', { schema: [{ name: 'what', type: 'STRING' }] });
      await opened.publish({ what: 'x' });
      sandbox.settings.change({ deny: [permission] });
      const service = make(opened);
      scope.defer(() => service.shutdown(2_000));
      await service.start();
      await isRed(service, new RegExp(permission.replaceAll('.', '\\.')));
      sandbox.settings.change({ deny: [] });
      await eventually(() => assert.is(service.ledger.acked, 1));
      assert.is(service.ledger.deadLettered, 0);
    }
  });
});
