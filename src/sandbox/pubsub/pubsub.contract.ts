import { status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import {
  ackIds,
  codeOf,
  type Received,
  type TestClient,
  testClient,
  text,
  texts,
} from '../../testing/pubsub-client.ts';
import { suiteScope } from '../../testing/scope.ts';
import { type Suite, suite } from '../../testing/suite.ts';

/** A Pub/Sub server under test. */
export interface PubSubTarget {
  /** `127.0.0.1:port` */
  readonly host: string;
  close(): Promise<void>;
}

/**
 * Tests the common behavior of the sandbox's Pub/Sub and Google's emulator through the official client. `size` selects
 * whether the tests run always or only at full size.
 *
 * start-pubsub.test.ts tests the sandbox alone where the emulator falls short of the documentation: limits of messages
 * and deadlines, flow control and keepalive of streams, backoff, updates of topics, the return of ordering keys and
 * their distribution over streams, and features that the emulator only pretends to have (filters, seek).
 */
export function pubsubContract(name: string, size: 'test' | 'long', start: () => Promise<PubSubTarget>): void {
  suite(`Pub/Sub contract: ${name}`, (tests: Suite) => {
    const test = tests[size];
    const scope = suiteScope(tests);
    let it: TestClient;
    tests.before(async () => {
      const { host } = scope.use(await start());
      it = scope.use(await testClient(host));
    });

    test('topics are created, found, listed in pages, and deleted', async () => {
      const made = [await it.newTopic(), await it.newTopic(), await it.newTopic()];
      assert.is(await codeOf(it.publisher.createTopic({ name: made[0] ?? '' })), status.ALREADY_EXISTS);
      assert.is((await it.publisher.getTopic({ topic: made[1] ?? '' }))[0].name, made[1]);
      const listed: string[] = [];
      for (let pageToken = ''; ; ) {
        const request = { project: 'projects/contract', pageSize: 2, pageToken };
        const [, , page] = await it.publisher.listTopics(request, { autoPaginate: false });
        for (const topic of page?.topics ?? []) listed.push(topic.name ?? '');
        pageToken = page?.nextPageToken ?? '';
        if (pageToken === '') break;
      }
      assert.equal(
        listed.filter((topic) => made.includes(topic)),
        made,
      );
      await it.publisher.deleteTopic({ topic: made[0] ?? '' });
      assert.is(await codeOf(it.publisher.getTopic({ topic: made[0] ?? '' })), status.NOT_FOUND);
      assert.is(await codeOf(it.publisher.deleteTopic({ topic: made[0] ?? '' })), status.NOT_FOUND);
    });

    test('names are checked', async () => {
      for (const id of ['ab', '1abc', 'googabc', 'a b c', 'a'.repeat(256)]) {
        const name = `projects/contract/topics/${id}`;
        assert.is(await codeOf(it.publisher.createTopic({ name })), status.INVALID_ARGUMENT, id);
      }
      assert.is(await codeOf(it.publisher.createTopic({ name: 'nonsense' })), status.INVALID_ARGUMENT);
    });

    test('subscriptions are created with defaults, found, listed, and deleted', async () => {
      const { topic, subscription } = await it.newPair({ labels: { team: 'a' } });
      const [found] = await it.subscriber.getSubscription({ subscription });
      assert.is(found.ackDeadlineSeconds, 10);
      assert.is(Number(found.messageRetentionDuration?.seconds), 604_800);
      assert.equal([found.topic, found.labels], [topic, { team: 'a' }]);
      assert.is(await codeOf(it.subscriber.createSubscription({ name: subscription, topic })), status.ALREADY_EXISTS);
      const missing = { name: it.newName('subscriptions'), topic: it.newName('topics') };
      assert.is(await codeOf(it.subscriber.createSubscription(missing)), status.NOT_FOUND);
      const [all] = await it.subscriber.listSubscriptions({ project: 'projects/contract' });
      assert.is(all.filter((one) => one.name === subscription).length, 1);
      await it.subscriber.deleteSubscription({ subscription });
      assert.is(await codeOf(it.subscriber.getSubscription({ subscription })), status.NOT_FOUND);
      assert.is(await codeOf(it.subscriber.deleteSubscription({ subscription })), status.NOT_FOUND);
    });

    test('an update changes the fields of its mask only', async () => {
      const { subscription } = await it.newPair({
        retryPolicy: { minimumBackoff: { seconds: 1 } },
        labels: { a: 'b' },
      });
      const update = (paths: string[]) =>
        it.subscriber.updateSubscription({
          subscription: { name: subscription, ackDeadlineSeconds: 33, topic: 'x', labels: { c: 'd' } },
          updateMask: { paths },
        });
      const [updated] = await update(['ack_deadline_seconds', 'retry_policy']);
      assert.equal([updated.ackDeadlineSeconds, updated.retryPolicy, updated.labels], [33, null, { a: 'b' }]);
      for (const paths of [[], ['topic'], ['enable_message_ordering'], ['nonsense']])
        assert.is(await codeOf(update(paths)), status.INVALID_ARGUMENT, paths.join());
    });

    test('a deleted topic leaves its subscriptions and their messages', async () => {
      const { topic, subscription } = await it.newPair();
      await it.publish(topic, ['left']);
      await it.publisher.deleteTopic({ topic });
      await it.publisher.createTopic({ name: topic });
      await it.publish(topic, ['not for the old subscription']);
      assert.is((await it.subscriber.getSubscription({ subscription }))[0].topic, '_deleted-topic_');
      const received = await it.pull(subscription, 1);
      assert.equal(texts(received), ['left']);
      await it.ack(subscription, received);
      assert.ok(await it.isEmpty(subscription));
    });

    test('messages reach every subscription that exists when they are published, complete', async () => {
      const topic = await it.newTopic();
      await it.publish(topic, ['nobody is there']);
      const subscriptions = [await it.newSubscription(topic), await it.newSubscription(topic)];
      const before = Date.now();
      const ids = await it.publish(topic, ['one', 'two'], { attributes: { a: '1' }, orderingKey: 'key' });
      assert.ok(BigInt(ids[0] ?? '') < BigInt(ids[1] ?? ''));
      for (const subscription of subscriptions) {
        const received = (await it.pull(subscription, 2)).sort((a, b) => (text(a) < text(b) ? -1 : 1));
        assert.equal(texts(received), ['one', 'two']);
        assert.equal(
          received.map(({ message }) => message?.messageId),
          ids,
        );
        const first = received[0]?.message;
        assert.equal([first?.attributes, first?.orderingKey], [{ a: '1' }, 'key']);
        assert.ok(Math.abs(Number(first?.publishTime?.seconds) * 1000 - before) < 10_000);
        assert.is(received[0]?.deliveryAttempt, 0);
        await it.ack(subscription, received);
        assert.ok(await it.isEmpty(subscription));
      }
    });

    test('publish refuses empty and large messages, and missing topics', async () => {
      const topic = await it.newTopic();
      const publish = (messages: object[], to = topic) => codeOf(it.publisher.publish({ topic: to, messages }));
      assert.is(await publish([]), status.INVALID_ARGUMENT);
      assert.is(await publish([{}]), status.INVALID_ARGUMENT);
      assert.is(await publish([{ orderingKey: 'key' }]), status.INVALID_ARGUMENT);
      assert.is(await publish([{ attributes: { a: '' } }]), status.OK);
      assert.is(await publish(Array(1001).fill({ data: Buffer.from('x') })), status.INVALID_ARGUMENT);
      assert.is(await publish([{ data: Buffer.from('x') }], it.newName('topics')), status.NOT_FOUND);
      assert.is(await publish([{ data: Buffer.alloc(9_900_000) }]), status.OK);
    });

    test('ack calls refuse malformed requests, and ignore settled ids', async () => {
      const { topic, subscription } = await it.newPair();
      await it.publish(topic, ['x']);
      const received = await it.pull(subscription, 1);
      const garbage: Received[] = [{ ackId: 'garbage' }];
      assert.is(await codeOf(it.ack(subscription, garbage)), status.INVALID_ARGUMENT);
      assert.is(await codeOf(it.ack(subscription, [])), status.INVALID_ARGUMENT);
      assert.is(await codeOf(it.modify(subscription, received, -1)), status.INVALID_ARGUMENT);
      assert.is(await codeOf(it.ack(it.newName('subscriptions'), received)), status.NOT_FOUND);
      await it.ack(subscription, received);
      await it.ack(subscription, received);
      await it.modify(subscription, received, 0);
      assert.ok(await it.isEmpty(subscription));
      const pull = { subscription, maxMessages: 0 };
      assert.is(await codeOf(it.subscriber.pull(pull)), status.INVALID_ARGUMENT);
    });

    test('a nack redelivers, and the ack id of before is worth nothing', async () => {
      const { topic, subscription } = await it.newPair();
      await it.publish(topic, ['x']);
      const first = await it.pull(subscription, 1);
      await it.modify(subscription, first, 0);
      const second = await it.pull(subscription, 1);
      assert.is(second[0]?.message?.messageId, first[0]?.message?.messageId);
      await it.ack(subscription, first);
      await it.modify(subscription, second, 0);
      await it.ack(subscription, await it.pull(subscription, 1));
      assert.ok(await it.isEmpty(subscription));
    });

    test('a lease that runs out redelivers; one that is extended does not', async () => {
      const { topic, subscription } = await it.newPair();
      await it.publish(topic, ['extended', 'lapsing']);
      const received = await it.pull(subscription, 2);
      const named = (name: string) => received.filter((one) => text(one) === name);
      await it.modify(subscription, named('extended'), 60);
      await it.modify(subscription, named('lapsing'), 1);
      assert.equal(texts(await it.pull(subscription, 1)), ['lapsing']);
      assert.ok(await it.isEmpty(subscription));
    });

    test('the high-level client gets each of 3,000 messages once, and its acks count', async () => {
      const { topic, subscription } = await it.newPair();
      const bodies = Array.from({ length: 3000 }, (_, index) => String(index));
      for (let i = 0; i < 3; i += 1) await it.publish(topic, bodies.slice(i * 1000, (i + 1) * 1000));
      const seen: string[] = [];
      const high = it.pubsub.subscription(subscription, { flowControl: { maxMessages: 500 } });
      high.on('message', (message) => {
        seen.push(message.data.toString());
        message.ack();
      });
      await eventually(() => assert.is(seen.length, 3000));
      await high.close();
      assert.is(new Set(seen).size, 3000);
      await eventually(async () => assert.ok(await it.isEmpty(subscription)));
    });

    test('the high-level client nacks, and hears of a missing subscription', async () => {
      const { topic, subscription } = await it.newPair();
      await it.publish(topic, ['x']);
      const ids: string[] = [];
      const high = it.pubsub.subscription(subscription);
      high.on('message', (message) => {
        ids.push(message.id);
        if (ids.length < 3) message.nack();
        else message.ack();
      });
      await eventually(() => assert.is(ids.length, 3));
      await high.close();
      assert.is(new Set(ids).size, 1);
      const missing = it.pubsub.subscription('missing');
      const error = await new Promise<Error & { code?: number }>((resolve) => {
        missing.on('error', resolve);
        missing.on('message', () => {});
      });
      assert.is(error.code, status.NOT_FOUND);
      await missing.close();
    });

    test('a stream acknowledges and gives back', async () => {
      const { topic, subscription } = await it.newPair();
      const stream = it.stream(subscription);
      await it.publish(topic, ['a', 'b']);
      await stream.until(2);
      const [a, b] = stream.received.toSorted((one, two) => (text(one) < text(two) ? -1 : 1));
      stream.write({
        ackIds: [a?.ackId ?? ''],
        modifyDeadlineAckIds: [b?.ackId ?? ''],
        modifyDeadlineSeconds: [0],
      });
      await stream.until(3);
      assert.is(text(stream.received[2] ?? {}), 'b');
      stream.write({ ackIds: ackIds(stream.received.slice(2)) });
      stream.close();
      await eventually(async () => assert.ok(await it.isEmpty(subscription)));
    });

    test('streams refuse requests that break the rules', async () => {
      const { subscription } = await it.newPair();
      const broken: [object, object?][] = [
        [{ subscription: '' }],
        [{ streamAckDeadlineSeconds: 0 }],
        [{ streamAckDeadlineSeconds: 9 }],
        [{ streamAckDeadlineSeconds: 601 }],
        [{}, { subscription }],
        [{}, { modifyDeadlineAckIds: ['a'] }],
        [{}, { ackIds: ['garbage'] }],
      ];
      for (const [first, next] of broken) {
        const stream = it.stream(subscription, first);
        if (next !== undefined) stream.write(next);
        await eventually(() => assert.is(stream.code, status.INVALID_ARGUMENT, JSON.stringify([first, next])));
      }
      const missing = it.stream(it.newName('subscriptions'));
      await eventually(() => assert.is(missing.code, status.NOT_FOUND));
    });

    test('streams share the messages, and each message has one taker', async () => {
      const { topic, subscription } = await it.newPair();
      const streams = [it.stream(subscription), it.stream(subscription)];
      const bodies = Array.from({ length: 100 }, (_, index) => String(index));
      await eventually(async () => {
        await it.publish(topic, bodies);
        for (const stream of streams) assert.ok(stream.received.length > 0);
      });
      await eventually(() => {
        const all = streams.flatMap((stream) => stream.received.map(({ message }) => message?.messageId));
        assert.is(all.length % 100, 0);
        assert.is(new Set(all).size, all.length);
      });
      for (const stream of streams) stream.close();
    });

    test('messages of one ordering key come in order, and come back in order', async () => {
      const { topic, subscription } = await it.newPair({ enableMessageOrdering: true });
      const stream = it.stream(subscription);
      for (const body of ['1', '2', '3']) await it.publish(topic, [body], { orderingKey: 'a' });
      await it.publish(topic, ['4', '5'], { orderingKey: 'a' });
      await stream.until(5);
      assert.equal(texts(stream.received), ['1', '2', '3', '4', '5']);
      await it.ack(subscription, stream.received.slice(0, 2));
      await it.modify(subscription, stream.received.slice(2, 3), 0);
      await stream.until(8);
      assert.equal(texts(stream.received.slice(5, 8)), ['3', '4', '5']);
      await it.ack(subscription, stream.received.slice(5, 8));
      stream.close();
      assert.ok(await it.isEmpty(subscription));
    });

    test('after the last attempt a message goes to the dead-letter topic', async () => {
      const deadLetters = await it.newPair();
      const { topic, subscription } = await it.newPair({
        deadLetterPolicy: { deadLetterTopic: deadLetters.topic, maxDeliveryAttempts: 5 },
      });
      await it.publish(topic, ['poison'], { attributes: { a: '1' } });
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        const received = await it.pull(subscription, 1);
        assert.is(received[0]?.deliveryAttempt, attempt);
        await it.modify(subscription, received, 0);
      }
      // The emulator forwards only when asked for the next delivery.
      await eventually(async () => assert.ok(await it.isEmpty(subscription)));
      const [dead] = await it.pull(deadLetters.subscription, 1);
      assert.is(text(dead ?? {}), 'poison');
      const { CloudPubSubDeadLetterSourceTopicPublishTime: time, ...others } = dead?.message?.attributes ?? {};
      assert.ok(Number.isFinite(Date.parse(time ?? '')));
      assert.equal(others, {
        a: '1',
        CloudPubSubDeadLetterSourceDeliveryCount: '5',
        CloudPubSubDeadLetterSourceSubscription: subscription.split('/')[3],
        CloudPubSubDeadLetterSourceSubscriptionProject: 'contract',
      });
    });

    test('a dead-letter topic has to exist', async () => {
      const topic = await it.newTopic();
      const deadLetterPolicy = { deadLetterTopic: it.newName('topics') };
      assert.is(await codeOf(it.newSubscription(topic, { deadLetterPolicy })), status.NOT_FOUND);
    });

    test('deleting a subscription ends its streams', async () => {
      const { topic, subscription } = await it.newPair();
      const stream = it.stream(subscription);
      await it.publish(topic, ['x']);
      await stream.until(1);
      await it.subscriber.deleteSubscription({ subscription });
      await eventually(() => assert.is(stream.code, status.NOT_FOUND));
    });
  });
}
