import { PubSub, type v1 } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createBigQueryClient } from '../../connectors/bigquery/client.ts';
import { createPubSubClients } from '../../connectors/pubsub/client.ts';
import { createStorageClient } from '../../connectors/storage/client.ts';
import { createFirestoreClient } from '../../lookup/firestore/client.ts';
import { eventually } from '../../testing/eventually.ts';
import { suiteScope, testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { type Sandbox, startSandbox } from '../sandbox.ts';

const shownRule = v.object({ id: v.number(), matched: v.number(), fired: v.number() });

type Failure = { readonly code?: unknown; readonly message?: string; readonly statusDetails?: unknown[] };

/** Returns the error of a call, or undefined. */
const failureOf = (call: Promise<unknown>): Promise<Failure | undefined> =>
  call.then(
    () => undefined,
    (error: Failure) => error,
  );

suite('faulty servers, as the official clients see them', (it) => {
  const { test, long, before, afterEach } = it;
  const servers = suiteScope(it);
  let sandbox: Sandbox;
  let publisher: v1.PublisherClient;
  let subscriber: v1.SubscriberClient;
  const topic = 'projects/sandbox/topics/faulty';
  const subscription = 'projects/sandbox/subscriptions/faulty';
  const once = { retry: null, timeout: 5_000 };
  const publish = (text: string) => publisher.publish({ topic, messages: [{ data: Buffer.from(text) }] }, once);
  const pull = async () => {
    const [{ receivedMessages }] = await subscriber.pull({ subscription, maxMessages: 100, returnImmediately: true });
    return receivedMessages ?? [];
  };

  before(async () => {
    sandbox = servers.use(await startSandbox({ parts: ['pubsub', 'firestore', 'storage', 'bigquery'], control: true }));
    sandbox.applyEnv();
    const pubsub = servers.use(new PubSub({ projectId: 'sandbox' }));
    await pubsub.createTopic('faulty');
    await pubsub.topic('faulty').createSubscription('faulty');
    const clients = servers.use(await createPubSubClients({ projectId: 'sandbox' }));
    publisher = clients.publisher;
    subscriber = clients.subscriber;
    await createStorageClient({ projectId: 'sandbox' }).createBucket('faulty');
    const [dataset] = await createBigQueryClient({ projectId: 'sandbox' }).createDataset('faulty');
    await dataset.createTable('rows', { schema: { fields: [{ name: 'n', type: 'INT64' }] } });
  });
  afterEach(() => sandbox.faults.clear());
  const scope = testScope(it);

  test('Pub/Sub: refused, with a retry delay; late; done without a response', async () => {
    sandbox.faults.add({
      server: 'pubsub',
      method: 'Publish',
      resource: topic,
      times: 1,
      error: { code: 'RESOURCE_EXHAUSTED', message: 'quota', retryAfterSeconds: 1.5 },
    });
    const refused = await failureOf(publish('refused'));
    assert.is(refused?.code, 8);
    assert.match(refused?.message ?? '', 'quota');
    assert.match(JSON.stringify(refused?.statusDetails), '"seconds":"1","nanos":500000000');

    sandbox.faults.add({ server: 'pubsub', method: 'Publish', times: 1, latencyMs: 120 });
    const started = performance.now();
    await publish('late');
    assert.ok(performance.now() - started >= 115);

    sandbox.faults.add({ server: 'pubsub', method: 'Publish', times: 1, dropResponse: true });
    assert.is((await failureOf(publish('dropped')))?.code, 14);
    const received = await pull();
    assert.equal(
      received.map(({ message }) => String(message?.data)),
      ['late', 'dropped'],
    );
    await subscriber.acknowledge({ subscription, ackIds: received.map(({ ackId }) => ackId ?? '') });
  });

  test('Pub/Sub: an open stream ends, or falls silent', async () => {
    const seen: string[] = [];
    const failures: unknown[] = [];
    const stub = await subscriber.initialize();
    const open = () => {
      const stream = stub.streamingPull?.call(stub);
      stream.on('data', (response: { receivedMessages: { message: { data: Buffer } }[] }) => {
        for (const { message } of response.receivedMessages) seen.push(message.data.toString());
      });
      stream.on('error', ({ code }: { code: number }) => failures.push(code));
      stream.write({ subscription, streamAckDeadlineSeconds: 600 });
      return stream;
    };
    open();
    await publish('one');
    await eventually(() => assert.equal(seen, ['one']));
    sandbox.faults.add({ server: 'pubsub', method: 'StreamingPull', times: 1, error: { code: 'UNAVAILABLE' } });
    await eventually(() => assert.equal(failures, [14]));
    const stream = open();
    await publish('two');
    await eventually(() => assert.ok(seen.includes('two')));
    const stall = sandbox.faults.add({ server: 'pubsub', method: 'StreamingPull', stall: true });
    await publish('three');
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.not.ok(seen.includes('three'), 'silent with a backlog');
    stall.remove();
    await eventually(() => assert.ok(seen.includes('three')));
    stream.cancel();
  });

  test('Firestore: a write is refused', async () => {
    const firestore = createFirestoreClient({ projectId: 'sandbox' }, {});
    scope.defer(() => firestore.terminate());
    sandbox.faults.add({ server: 'firestore', method: 'Commit', error: { code: 'PERMISSION_DENIED' } });
    assert.is((await failureOf(firestore.doc('c/w').set({ n: 1 })))?.code, 7);
    sandbox.faults.clear();
    await firestore.doc('c/w').set({ n: 2 });
    assert.equal((await firestore.doc('c/w').get()).data(), { n: 2n });
  });

  // The client retries a streaming read for 7 seconds before it reports the error.
  long('Firestore: a read is refused', async () => {
    const firestore = createFirestoreClient({ projectId: 'sandbox' }, {});
    scope.defer(() => firestore.terminate());
    await firestore.doc('c/d').set({ n: 1 });
    sandbox.faults.add({ server: 'firestore', method: 'BatchGetDocuments', error: { code: 'PERMISSION_DENIED' } });
    assert.is((await failureOf(firestore.doc('c/d').get()))?.code, 7);
    sandbox.faults.clear();
    assert.equal((await firestore.doc('c/d').get()).data(), { n: 1n });
  });

  test('Storage: refused, with Retry-After; stored without a response', async () => {
    const bucket = createStorageClient({ projectId: 'sandbox' }).bucket('faulty');
    const save = (name: string) =>
      bucket.file(name).save('x', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
    sandbox.faults.add({
      server: 'storage',
      method: 'storage.objects.insert',
      resource: 'faulty/refused*',
      error: { code: 429, reason: 'rateLimitExceeded', message: 'slow down', retryAfterSeconds: 3 },
    });
    assert.is(Number((await failureOf(save('refused.txt')))?.code), 429);
    const url = `${sandbox.env.STORAGE_EMULATOR_HOST}/upload/storage/v1/b/faulty/o?uploadType=media&name=refused2`;
    const bare = await fetch(url, { method: 'POST', body: 'x' });
    assert.equal([bare.status, bare.headers.get('retry-after')], [429, '3']);
    await save('other.txt');

    sandbox.faults.clear();
    sandbox.faults.add({ server: 'storage', method: 'storage.objects.insert', times: 1, dropResponse: true });
    assert.ok(await failureOf(save('dropped.txt')));
    assert.equal(await bucket.file('dropped.txt').exists(), [true]);
    assert.is(Number((await failureOf(save('dropped.txt')))?.code), 412);
  });

  test('BigQuery: rows that fail alone; inserted without a response', async () => {
    const table = createBigQueryClient({ projectId: 'sandbox' }).dataset('faulty').table('rows');
    const insert = (...numbers: number[]) =>
      table.request({
        method: 'POST',
        uri: '/insertAll',
        json: { rows: numbers.map((n) => ({ insertId: `i${n}`, json: { n } })) },
      });
    const stored = async () => (await table.getRows())[0].map(({ n }) => Number(n)).sort((a, b) => a - b);
    sandbox.faults.add({
      server: 'bigquery',
      method: 'tabledata.insertAll',
      resource: 'faulty.rows',
      times: 1,
      seed: 3,
      rowErrors: { reason: 'backendError', probability: 0.5 },
    });
    const numbers = Array.from({ length: 40 }, (_, n) => n);
    const [{ insertErrors }] = await insert(...numbers);
    const failed: number[] = insertErrors.map(({ index }: { index: number }) => index);
    assert.ok(failed.length > 5 && failed.length < 35, `${failed.length} of 40`);
    assert.is(insertErrors[0].errors[0].reason, 'backendError');
    assert.equal(
      await stored(),
      numbers.filter((n) => !failed.includes(n)),
    );

    sandbox.faults.add({ server: 'bigquery', method: 'tabledata.insertAll', times: 1, dropResponse: true });
    assert.ok(await failureOf(insert(100)));
    assert.ok((await stored()).includes(100));
    await insert(100);
    assert.is((await stored()).filter((n) => n === 100).length, 1, 'the insert id is known');
  });

  test('the control endpoint adds, shows and removes rules', async () => {
    const url = `${sandbox.env.SANDBOX_CONTROL_URL}/faults`;
    const post = (body: string) => fetch(url, { method: 'POST', body });
    const added = await post(JSON.stringify({ server: 'pubsub', method: 'Publish', error: { code: 'INTERNAL' } }));
    assert.is(added.status, 201);
    const { id } = v.parse(shownRule, await added.json());
    assert.is((await failureOf(publish('x')))?.code, 13);
    const [shown] = v.parse(v.array(shownRule), await (await fetch(url)).json());
    assert.equal(shown, { id, matched: 1, fired: 1 });
    assert.is((await fetch(`${url}/${id}`, { method: 'DELETE' })).status, 204);
    assert.is((await fetch(`${url}/${id}`, { method: 'DELETE' })).status, 404);
    assert.is(await failureOf(publish('x')), undefined);
    const bad = await post('{"server":"nowhere"}');
    assert.is(bad.status, 400);
    assert.match(JSON.stringify(await bad.json()), 'server');
    assert.is((await post('{')).status, 400);
    assert.is((await fetch(url, { method: 'DELETE' })).status, 204);
  });
});
