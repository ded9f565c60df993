import { status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { ackIds, codeOf, type TestClient, testClient, texts } from '../../testing/pubsub-client.ts';
import { suiteScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { startPubSub } from './start-pubsub.ts';

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

/** Tests documented behavior that Google's emulator lacks; the rest is in pubsub.contract.ts. */
suite('startPubSub', (tests) => {
  const { test } = tests;
  const scope = suiteScope(tests);
  /** The server's time, which a test advances. */
  let clockMs = 0;
  let it: TestClient;
  tests.before(async () => {
    const { port } = scope.use(await startPubSub({ clock: () => clockMs }));
    it = scope.use(await testClient(`127.0.0.1:${port}`));
  });

  test('publish refuses messages over the limits', async () => {
    const topic = await it.newTopic();
    const data = Buffer.from('x');
    const publish = (...messages: object[]) => codeOf(it.publisher.publish({ topic, messages }));
    const attributes = (count: number) => Object.fromEntries(numbers(count).map((index) => [index, '']));
    const ok = [
      { attributes: { ['k'.repeat(256)]: 'v'.repeat(1024) } },
      { data, attributes: attributes(100), orderingKey: 'k'.repeat(1024) },
    ];
    for (const message of ok) assert.is(await publish(message), status.OK);
    const refused = [
      { attributes: { ['k'.repeat(257)]: '' } },
      { attributes: { k: 'v'.repeat(1025) } },
      { data, attributes: attributes(101) },
      { data, orderingKey: 'k'.repeat(1025) },
      { data: Buffer.alloc(10_000_000) },
    ];
    for (const message of refused) assert.is(await publish(message), status.INVALID_ARGUMENT);
    const mixed = [
      { data, orderingKey: 'a' },
      { data, orderingKey: 'b' },
    ];
    assert.is(await publish(...mixed), status.INVALID_ARGUMENT);
  });

  test('publish refuses attributes with reserved names, except those of the official clients', async () => {
    const topic = await it.newTopic();
    const publish = (name: string) =>
      codeOf(it.publisher.publish({ topic, messages: [{ attributes: { [name]: 'v' } }] }));
    for (const name of [
      'agoog',
      'goo',
      'googclient_traceparent',
      'googclient_tracestate',
      'googclient_OpenTelemetrySpanContext',
    ]) {
      assert.is(await publish(name), status.OK, name);
    }
    for (const name of ['', 'goog', 'Google', 'googclient_x-cloud-trace-context', 'googclient_schemaencoding']) {
      assert.is(await publish(name), status.INVALID_ARGUMENT, name);
    }
  });

  test('settings out of bounds are refused', async () => {
    const topic = await it.newTopic();
    const deadLetterTopic = topic;
    for (const settings of [
      { ackDeadlineSeconds: 9 },
      { ackDeadlineSeconds: 601 },
      { messageRetentionDuration: { seconds: 599 } },
      { expirationPolicy: { ttl: { seconds: 3600 } } },
      { deadLetterPolicy: { deadLetterTopic, maxDeliveryAttempts: 4 } },
      { deadLetterPolicy: { deadLetterTopic, maxDeliveryAttempts: 101 } },
      { deadLetterPolicy: {} },
      { retryPolicy: { minimumBackoff: { seconds: 601 } } },
      { retryPolicy: { minimumBackoff: { seconds: 20 }, maximumBackoff: { seconds: 10 } } },
    ])
      assert.is(await codeOf(it.newSubscription(topic, settings)), status.INVALID_ARGUMENT, JSON.stringify(settings));
    const subscription = await it.newSubscription(topic);
    await it.publish(topic, ['x']);
    const received = await it.pull(subscription, 1);
    assert.is(await codeOf(it.modify(subscription, received, 601)), status.INVALID_ARGUMENT);
    assert.is(await codeOf(it.modify(subscription, received, 600)), status.OK);
  });

  test('a topic names its subscriptions', async () => {
    const { topic, subscription } = await it.newPair();
    const another = await it.newSubscription(topic);
    const [found] = await it.publisher.listTopicSubscriptions({ topic });
    assert.equal(found.toSorted(), [another, subscription].toSorted());
    const missing = it.publisher.listTopicSubscriptions({ topic: it.newName('topics') });
    assert.is(await codeOf(missing), status.NOT_FOUND);
  });

  test('unimplemented calls answer UNIMPLEMENTED', async () => {
    const { topic, subscription } = await it.newPair();
    const refused = [
      () => it.newSubscription(topic, { filter: 'attributes.a = "b"' }),
      () => it.newSubscription(topic, { pushConfig: { pushEndpoint: 'https://localhost/' } }),
      () => it.newSubscription(topic, { retainAckedMessages: true }),
      () => it.newSubscription(topic, { bigqueryConfig: { table: 'p.d.t' } }),
      () =>
        it.publisher.createTopic({ name: it.newName('topics'), schemaSettings: { schema: 'projects/p/schemas/s' } }),
      () => it.publisher.createTopic({ name: it.newName('topics'), kmsKeyName: 'key' }),
      () => it.subscriber.seek({ subscription, time: { seconds: 1 } }),
      () => it.subscriber.createSnapshot({ name: 'projects/contract/snapshots/name', subscription }),
      () => it.pubsub.topic(topic).iam.getPolicy(),
      () => it.pubsub.createSchema('name', 'AVRO', '{}'),
    ];
    for (const call of refused) assert.is(await codeOf(call()), status.UNIMPLEMENTED, String(call));
  });

  test("a topic's labels can be updated, its name cannot", async () => {
    const topic = await it.newTopic();
    const update = (paths: string[]) =>
      it.publisher.updateTopic({ topic: { name: topic, labels: { a: 'b' } }, updateMask: { paths } });
    assert.equal((await update(['labels']))[0].labels, { a: 'b' });
    assert.equal((await it.publisher.getTopic({ topic }))[0].labels, { a: 'b' });
    assert.is(await codeOf(update(['name'])), status.INVALID_ARGUMENT);
  });

  test('a waiting pull gets the next message', async () => {
    const { topic, subscription } = await it.newPair();
    const pulled = it.subscriber.pull({ subscription, maxMessages: 10 });
    await it.publish(topic, ['x']);
    assert.equal(texts((await pulled)[0].receivedMessages ?? []), ['x']);
  });

  test('a stream has at most max_outstanding_messages, however they are acknowledged', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, numbers(20));
    const stream = it.stream(subscription, { maxOutstandingMessages: 5 });
    await stream.until(5);
    await it.ack(subscription, stream.received.slice(0, 2));
    await stream.until(7);
    stream.write({ ackIds: ackIds(stream.received.slice(2, 5)) });
    await stream.until(10);
    await it.modify(subscription, stream.received.slice(5, 6), 0);
    await stream.until(11);
    await it.modify(subscription, stream.received.slice(6, 7), 1);
    clockMs += 1_000;
    await stream.until(12);
    const other = it.stream(subscription);
    await other.until(9);
    assert.is(stream.received.length, 12);
  });

  test('a stream stops at max_outstanding_bytes, which one message may exceed', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, Array(10).fill('x'.repeat(1000)));
    const stream = it.stream(subscription, { maxOutstandingBytes: 2500 });
    await stream.until(3);
    const other = it.stream(subscription);
    await other.until(7);
    assert.is(stream.received.length, 3);
  });

  test('the deadline of a stream can be changed, its flow control cannot', async () => {
    const { subscription } = await it.newPair();
    const stream = it.stream(subscription);
    stream.write({ streamAckDeadlineSeconds: 600 });
    stream.write({ maxOutstandingMessages: 5 });
    await eventually(() => assert.is(stream.code, status.INVALID_ARGUMENT));
  });

  test('an empty request gets a response, so that the client keeps the stream', async () => {
    const { subscription } = await it.newPair({ enableMessageOrdering: true });
    const stream = it.stream(subscription, { protocolVersion: 1 });
    stream.write({});
    await eventually(() => assert.is(stream.responses[0]?.subscriptionProperties?.messageOrderingEnabled, true));
  });

  test('backoff doubles from the minimum to the maximum', async () => {
    const { topic, subscription } = await it.newPair({
      retryPolicy: { minimumBackoff: { seconds: 3 }, maximumBackoff: { seconds: 9 } },
    });
    await it.publish(topic, ['x']);
    const stream = it.stream(subscription);
    await stream.until(1);
    for (const [index, backoffMs] of [3_000, 6_000, 9_000, 9_000, 9_000].entries()) {
      await it.modify(subscription, stream.received.slice(index), 0);
      clockMs += backoffMs - 1;
      assert.ok(await it.isEmpty(subscription), `before ${backoffMs} ms`);
      assert.is(stream.received.length, index + 1);
      clockMs += 1;
      await stream.until(index + 2);
    }
  });

  test('a redelivered message of an ordering key repeats its successors, even acknowledged ones', async () => {
    const { topic, subscription } = await it.newPair({ enableMessageOrdering: true });
    await it.publish(topic, numbers(4), { orderingKey: 'a' });
    const stream = it.stream(subscription);
    await stream.until(4);
    await it.ack(subscription, stream.received.slice(2, 3));
    await it.modify(subscription, stream.received.slice(1, 2), 0);
    await stream.until(7);
    assert.equal(texts(stream.received.slice(4)), ['1', '2', '3']);
  });

  test('ordering keys spread over streams, and each stays with one', async () => {
    const { topic, subscription } = await it.newPair({ enableMessageOrdering: true });
    const streams = [it.stream(subscription), it.stream(subscription)];
    for (const round of numbers(3)) {
      for (const key of numbers(10)) await it.publish(topic, [`${key}:${round}`], { orderingKey: key });
    }
    await eventually(() => assert.is(streams.flatMap((stream) => stream.received).length, 30));
    const keysOf = (index: number) => new Set(streams[index]?.received.map(({ message }) => message?.orderingKey));
    assert.is(keysOf(0).size + keysOf(1).size, 10);
    assert.ok(keysOf(0).size > 0 && keysOf(1).size > 0);
  });

  test('a dead letter stays on its subscription while its topic is missing', async () => {
    const deadLetterTopic = await it.newTopic();
    const { topic, subscription } = await it.newPair({ deadLetterPolicy: { deadLetterTopic } });
    await it.publisher.deleteTopic({ topic: deadLetterTopic });
    await it.publish(topic, ['x']);
    for (let attempt = 1; attempt <= 7; attempt += 1) {
      const received = await it.pull(subscription, 1);
      assert.is(received[0]?.deliveryAttempt, attempt);
      await it.modify(subscription, received, 0);
    }
  });
});
