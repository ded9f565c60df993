import * as assert from 'uvu/assert';
import type { DeadLetter } from '../../dead-letters/read-dead-letter.ts';
import { startPubSub } from '../../sandbox/pubsub/start-pubsub.ts';
import { eventually } from '../../testing/eventually.ts';
import { type TestClient, testClient } from '../../testing/pubsub-client.ts';
import { suiteScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { DeadLetterReader } from './dead-letter-reader.ts';

const NEVER = new AbortController().signal;
/** Shorter than Pub/Sub allows for a subscription, so that a test can outlast it. */
const LEASE_SECONDS = 2;
const texts = (count: number): string[] => Array.from({ length: count }, (_, index) => `dead letter ${index}`);

suite('dead letter box', (tests) => {
  const { test } = tests;
  const scope = suiteScope(tests);
  let it: TestClient;
  tests.before(async () => {
    const { port } = scope.use(await startPubSub());
    it = scope.use(await testClient(`127.0.0.1:${port}`));
  });

  const open = (subscription: string, quietMs = 300) =>
    new DeadLetterReader({ client: it.subscriber, subscription, leaseSeconds: LEASE_SECONDS, quietMs });
  const readAll = async (reader: DeadLetterReader, signal = NEVER): Promise<DeadLetter[]> => {
    const deadLetters: DeadLetter[] = [];
    for await (const page of reader.pages(signal)) deadLetters.push(...page);
    return deadLetters;
  };

  test('reads every dead letter once, in pages, and returns unacknowledged ones', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, texts(500));
    const reader = open(subscription);
    const deadLetters = await readAll(reader);
    assert.is(new Set(deadLetters.map(({ id }) => id)).size, 500);
    assert.is(deadLetters.length, 500);
    assert.ok(await it.isEmpty(subscription), 'no other reader gets them in the meantime');
    await reader.acknowledge(deadLetters.slice(0, 480));
    await reader.close();
    const left = await it.pull(subscription, 20);
    assert.is(left.length, 20);
    assert.ok(await it.isEmpty(subscription));
  });

  test('keeps dead letters for longer than a lease', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, texts(3));
    const reader = open(subscription);
    const deadLetters = await readAll(reader);
    const readAt = performance.now();
    await eventually(() => assert.ok(performance.now() - readAt > 1.5 * LEASE_SECONDS * 1_000));
    assert.ok(await it.isEmpty(subscription));
    await reader.acknowledge(deadLetters);
    await reader.close();
    assert.ok(await it.isEmpty(subscription), 'the acknowledgements were in time');
  });

  test('ends on request, and returns dead letters immediately', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, texts(3));
    const stopped = new AbortController();
    const reader = open(subscription, 60_000);
    const reading = readAll(reader, stopped.signal);
    await eventually(async () => assert.ok(await it.isEmpty(subscription)));
    stopped.abort();
    assert.is((await reading).length, 3);
    await reader.close();
    assert.is((await it.pull(subscription, 3)).length, 3);
  });
});
