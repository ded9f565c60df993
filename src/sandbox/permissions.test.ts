import { FirestoreClient } from '@google-cloud/firestore-api/client_v1';
import { PubSub } from '@google-cloud/pubsub';
import { credentials } from '@grpc/grpc-js';
import { IamProtos } from 'google-gax';
import * as assert from 'uvu/assert';
import { createBigQueryClient } from '../connectors/bigquery/client.ts';
import { createPubSubClients } from '../connectors/pubsub/client.ts';
import { createStorageClient } from '../connectors/storage/client.ts';
import { createFirestoreClient } from '../lookup/firestore/client.ts';
import { eventually } from '../testing/eventually.ts';
import { suiteScope } from '../testing/scope.ts';
import { suite } from '../testing/suite.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

const PERMISSION_DENIED = 7;
const NOT_FOUND = 5;
const Test = IamProtos.google.iam.v1.TestIamPermissionsRequest;

/** Returns the gRPC code of a failing call; 0 if it succeeds. */
const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 0,
    (error: { code?: unknown }) => error.code,
  );

suite('denied permissions', (it) => {
  const { test, before, beforeEach } = it;
  const whole = suiteScope(it);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  const deny = (...names: string[]) => sandbox.settings.change({ deny: names });

  before(async () => {
    sandbox = whole.use(await startSandbox({ parts: ['pubsub', 'firestore', 'storage', 'bigquery'] }));
    sandbox.applyEnv();
    pubsub = whole.use(new PubSub({ projectId: sandbox.projectId }));
    await pubsub.createTopic('topic');
    await pubsub.topic('topic').createSubscription('subscription');
  });
  beforeEach(() => deny());

  test('Pub/Sub: a publisher that may not read the topic can publish, and nothing else', async () => {
    deny('pubsub.topics.get', 'pubsub.topics.list', 'pubsub.subscriptions.*');
    assert.is(await codeOf(pubsub.topic('topic').getMetadata()), PERMISSION_DENIED);
    assert.is(await codeOf(pubsub.getTopics()), PERMISSION_DENIED);
    assert.is(await codeOf(pubsub.subscription('subscription').getMetadata()), PERMISSION_DENIED);
    assert.is(await codeOf(pubsub.topic('nowhere').getMetadata()), PERMISSION_DENIED, 'before it says what there is');
    assert.ok(await pubsub.topic('topic').publishMessage({ data: Buffer.from('x') }));
    deny('pubsub.topics.publish');
    assert.is(await codeOf(pubsub.topic('topic').publishMessage({ data: Buffer.from('x') })), PERMISSION_DENIED);
    deny();
    assert.is(await codeOf(pubsub.topic('nowhere').getMetadata()), NOT_FOUND);
  });

  test('Pub/Sub: a subscription needs the right to attach to the topic', async () => {
    deny('pubsub.topics.attachSubscription');
    assert.is(await codeOf(pubsub.topic('topic').createSubscription('second')), PERMISSION_DENIED);
    deny();
    await pubsub.topic('topic').createSubscription('second');
  });

  test('Pub/Sub: a denied method is denied although its permission is not', async () => {
    deny('Acknowledge');
    const { subscriber, close } = await createPubSubClients({ projectId: sandbox.projectId });
    const subscription = `projects/${sandbox.projectId}/subscriptions/subscription`;
    await pubsub.topic('topic').publishMessage({ data: Buffer.from('x') });
    const [{ receivedMessages }] = await subscriber.pull({ subscription, maxMessages: 1 });
    const ackIds = receivedMessages?.map(({ ackId }) => ackId ?? '') ?? [];
    assert.is(ackIds.length, 1);
    assert.is(await codeOf(subscriber.acknowledge({ subscription, ackIds })), PERMISSION_DENIED);
    deny();
    assert.is(await codeOf(subscriber.acknowledge({ subscription, ackIds })), 0);
    await close();
  });

  test('Pub/Sub: an open stream ends when its permission is removed, and cannot be reopened', async () => {
    const { subscriber, close } = await createPubSubClients({ projectId: sandbox.projectId });
    const stub = await subscriber.initialize();
    const ended: number[] = [];
    const open = () => {
      const stream = stub.streamingPull?.call(stub);
      stream.on('error', ({ code }: { code: number }) => ended.push(code));
      stream.on('data', () => {});
      stream.write({
        subscription: `projects/${sandbox.projectId}/subscriptions/subscription`,
        streamAckDeadlineSeconds: 10,
      });
    };
    open();
    deny('pubsub.subscriptions.consume');
    await eventually(() => assert.equal(ended, [PERMISSION_DENIED]));
    open();
    await eventually(() => assert.equal(ended, [PERMISSION_DENIED, PERMISSION_DENIED]));
    await close();
  });

  test('Firestore: reading, creating, changing and deleting are separate rights', async () => {
    const firestore = createFirestoreClient({ projectId: sandbox.projectId }, {});
    whole.defer(() => firestore.terminate());
    const document = firestore.doc('c/d');
    deny('datastore.entities.update');
    assert.is(await codeOf(document.set({ n: 1 })), PERMISSION_DENIED, 'may create or change');
    assert.is(await codeOf(document.create({ n: 1 })), 0);
    assert.is(await codeOf(document.update({ n: 2 })), PERMISSION_DENIED);
    deny('datastore.entities.get');
    // The high-level client retries a refused read for seconds.
    const [servicePath = '', port] = (sandbox.env.FIRESTORE_EMULATOR_HOST ?? '').split(':');
    const reader = whole.use(
      new FirestoreClient({ servicePath, port: Number(port), sslCreds: credentials.createInsecure() }),
    );
    const name = `projects/${sandbox.projectId}/databases/(default)/documents/c/d`;
    assert.is(await codeOf(reader.getDocument({ name })), PERMISSION_DENIED);
    assert.is(await codeOf(document.update({ n: 2 })), 0);
    deny('datastore.entities.delete');
    assert.is(await codeOf(document.delete()), PERMISSION_DENIED);
    deny();
    assert.equal((await document.get()).data(), { n: 2n });
  });

  test('BigQuery: a writer that may not read the table can insert rows, and neither sees nor queries them', async () => {
    const bigquery = createBigQueryClient({ projectId: sandbox.projectId });
    const table = bigquery.dataset('d').table('t');
    const refusal = (call: Promise<unknown>) =>
      call.then(
        () => undefined,
        ({ code, message }: { code: unknown; message: string }) => [Number(code), message],
      );
    deny('bigquery.tables.create');
    await bigquery.createDataset('d');
    const schema = { fields: [{ name: 'n', type: 'INT64' }] };
    const denied = (permission: string, what: string) => [
      403,
      `Access Denied: ${what}: Permission ${permission} denied on ${what[0]?.toLowerCase()}${what.slice(1)} (or it may not exist).`,
    ];
    const create = () => bigquery.dataset('d').createTable('t', { schema });
    assert.equal(await refusal(create()), denied('bigquery.tables.create', 'Dataset sandbox:d'));
    deny();
    await create();
    deny('bigquery.tables.get', 'bigquery.tables.getData', 'bigquery.tables.list');
    await table.insert([{ n: 1 }]);
    assert.equal(await refusal(table.getMetadata()), denied('bigquery.tables.get', 'Table sandbox:d.t'));
    assert.equal(await refusal(table.getRows()), denied('bigquery.tables.getData', 'Table sandbox:d.t'));
    assert.match(String(await refusal(bigquery.query('SELECT n FROM d.t'))), 'bigquery.tables.getData denied');
    assert.equal((await bigquery.query('SELECT 1 AS one'))[0], [{ one: 1 }]);
    deny('bigquery.tables.updateData');
    assert.equal(await refusal(table.insert([{ n: 2 }])), denied('bigquery.tables.updateData', 'Table sandbox:d.t'));
    deny('tabledata.insertAll');
    assert.equal(await refusal(table.insert([{ n: 2 }])), denied('bigquery.tables.updateData', 'Table sandbox:d.t'));
    deny('bigquery.jobs.create');
    assert.equal(await refusal(bigquery.query('SELECT 1')), denied('bigquery.jobs.create', 'Project sandbox'));
    deny();
    assert.equal((await bigquery.query('SELECT n FROM d.t'))[0], [{ n: 1 }]);
  });

  test('Cloud Storage: is checked like the other servers', async () => {
    const bucket = createStorageClient({ projectId: sandbox.projectId }).bucket('denied-bucket');
    await bucket.create();
    deny('storage.buckets.get', 'storage.objects.*');
    const codes = await Promise.all(
      [bucket.getMetadata(), bucket.file('x').save('x', { resumable: false }), bucket.getFiles()].map(codeOf),
    );
    assert.equal(codes.map(Number), [403, 403, 403]);
    deny('storage.objects.get');
    await bucket.file('x').save('x', { resumable: false });
    assert.is(Number(await codeOf(bucket.file('x').download())), 403);
  });

  test('testIamPermissions: which of the permissions callers have, on what exists', async () => {
    const { projectId } = sandbox;
    const { publisher, subscriber, close } = await createPubSubClients({ projectId });
    const bucket = createStorageClient({ projectId }).bucket('tested-bucket');
    await bucket.create();
    const bigquery = createBigQueryClient({ projectId });
    await bigquery.createDataset('tested');
    const table = bigquery.dataset('tested').table('t');
    await table.create({ schema: { fields: [{ name: 'n', type: 'INT64' }] } });
    deny(
      'pubsub.topics.publish',
      'pubsub.subscriptions.consume',
      'storage.objects.create',
      'bigquery.tables.updateData',
    );
    const ofTopic = async (name: string) => {
      const asked = Test.create({
        resource: `projects/${projectId}/topics/${name}`,
        permissions: ['pubsub.topics.get', 'pubsub.topics.publish'],
      });
      return (await publisher.testIamPermissions(asked))[0].permissions;
    };
    assert.equal(await ofTopic('topic'), ['pubsub.topics.get']);
    assert.equal(await ofTopic('nowhere'), [], 'not an error');
    const resource = `projects/${projectId}/subscriptions/subscription`;
    const [onSubscription] = await subscriber.testIamPermissions(
      Test.create({ resource, permissions: ['pubsub.subscriptions.consume', 'pubsub.subscriptions.get'] }),
    );
    assert.equal(onSubscription.permissions, ['pubsub.subscriptions.get']);
    const [onBucket] = await bucket.iam.testPermissions(['storage.objects.create', 'storage.objects.get']);
    assert.equal(onBucket, { 'storage.objects.create': false, 'storage.objects.get': true });
    const [onTable] = await table.testIamPermissions(['bigquery.tables.get', 'bigquery.tables.updateData']);
    assert.equal(onTable.permissions, ['bigquery.tables.get']);
    const { iam } = createStorageClient({ projectId }).bucket('no-such-bucket');
    assert.is(Number(await codeOf(iam.testPermissions('storage.objects.create'))), 404);
    const missing = bigquery.dataset('tested').table('nowhere').testIamPermissions(['bigquery.tables.get']);
    assert.is(Number(await codeOf(missing)), 404);
    deny('tables.testIamPermissions', 'TestIamPermissions');
    assert.is(Number(await codeOf(table.testIamPermissions(['bigquery.tables.get']))), 403);
    assert.is(await codeOf(ofTopic('topic')), PERMISSION_DENIED);
    await close();
  });

  test('a name that is neither a permission nor a method is refused, and earlier denials stay', () => {
    deny('pubsub.topics.get');
    assert.throws(
      () => deny('pubsub.topic.get'),
      /"pubsub\.topic\.get" is not a permission or a method.*pubsub\.topics\.get/,
    );
    assert.throws(() => deny('storage.[a-z]'), /is not a permission/);
    assert.equal(sandbox.settings.permissions.denied, ['pubsub.topics.get']);
  });

  test('an allow list denies every other permission, and shows which of its own were used', async () => {
    sandbox.settings.change({ allow: ['pubsub.topics.*', 'storage.objects.create'] });
    assert.ok(await pubsub.topic('topic').publishMessage({ data: Buffer.from('x') }));
    assert.is(await codeOf(pubsub.topic('topic').getMetadata()), 0);
    assert.is(await codeOf(pubsub.subscription('subscription').getMetadata()), PERMISSION_DENIED);
    assert.equal(sandbox.settings.permissions.used, ['pubsub.topics.get', 'pubsub.topics.publish']);
    assert.throws(() => sandbox.settings.change({ allow: ['Publish'] }), /allow: "Publish" is not a permission of/);
    assert.throws(() => sandbox.settings.change({ allow: [], deny: [] }), /allow: .* remove one of them/);
    assert.is(await codeOf(pubsub.topic('topic').getMetadata()), 0, 'the earlier list stays');
  });
});
