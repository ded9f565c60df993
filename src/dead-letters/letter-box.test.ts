import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { startPubSub } from '../sandbox/pubsub/start-pubsub.ts';
import type { SandboxServer } from '../sandbox/server.ts';
import { eventually } from '../testing/eventually.ts';
import { type TestClient, testClient } from '../testing/pubsub-client.ts';
import { suite } from '../testing/suite.ts';
import type { Letter } from './letter.ts';
import { LetterBox } from './letter-box.ts';

const NEVER = new AbortController().signal;
const LEASE_SECONDS = 10;
const texts = (count: number): string[] => Array.from({ length: count }, (_, index) => `letter ${index}`);

suite('letter box', ({ test, before, after }) => {
  let server: SandboxServer;
  let it: TestClient;
  before(async () => {
    server = await startPubSub();
    it = await testClient(`127.0.0.1:${server.port}`);
  });
  after(async () => {
    await it?.close();
    await server?.close();
  });

  const open = (subscription: string, quietMs = 300) =>
    new LetterBox({ client: it.subscriber, subscription, leaseSeconds: LEASE_SECONDS, quietMs });
  const readAll = async (box: LetterBox, signal = NEVER): Promise<Letter[]> => {
    const letters: Letter[] = [];
    for await (const page of box.pages(signal)) letters.push(...page);
    return letters;
  };

  test('reads every letter once, in pages, and gives all back that was not acknowledged', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, texts(500));
    const box = open(subscription);
    const letters = await readAll(box);
    assert.is(new Set(letters.map(({ id }) => id)).size, 500);
    assert.is(letters.length, 500);
    assert.ok(await it.isEmpty(subscription), 'nobody else reads them meanwhile');
    await box.acknowledge(letters.slice(0, 480));
    await box.close();
    const left = await it.pull(subscription, 20);
    assert.is(left.length, 20);
    assert.ok(await it.isEmpty(subscription));
  });

  test('holds letters for longer than a lease', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, texts(3));
    const box = open(subscription);
    const letters = await readAll(box);
    await sleep((LEASE_SECONDS + 2) * 1_000);
    assert.ok(await it.isEmpty(subscription));
    await box.acknowledge(letters);
    await box.close();
    assert.ok(await it.isEmpty(subscription), 'the acknowledgements were in time');
  });

  test('ends when it is told to, and gives back at once', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, texts(3));
    const stopped = new AbortController();
    const box = open(subscription, 60_000);
    const reading = readAll(box, stopped.signal);
    await eventually(async () => assert.ok(await it.isEmpty(subscription)));
    stopped.abort();
    assert.is((await reading).length, 3);
    await box.close();
    assert.is((await it.pull(subscription, 3)).length, 3);
  });
});
