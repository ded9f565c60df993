import * as assert from 'uvu/assert';
import { PoisonError, RetryableError } from '../../core/errors.ts';
import type { Original } from '../../core/message.ts';
import { startPubSub } from '../../sandbox/pubsub/start-pubsub.ts';
import type { SandboxServer } from '../../sandbox/server.ts';
import { eventually } from '../../testing/eventually.ts';
import { type TestClient, testClient, texts } from '../../testing/pubsub-client.ts';
import { suite } from '../../testing/suite.ts';
import { DeadLetterReader } from './dead-letter-reader.ts';
import { newReport, type ReplayOptions, type ReplayReport, replayDeadLetters } from './replay-dead-letters.ts';

const NEVER = new AbortController().signal;
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `dead letter ${index}`);

suite('replay', ({ test, before, after }) => {
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

  /** Replays a subscription's dead letters to a destination of the test. */
  const replay = async (
    subscription: string,
    send: (text: string, original: Original) => Promise<void>,
    options: Partial<ReplayOptions> = {},
  ): Promise<ReplayReport> => {
    const reader = new DeadLetterReader({ client: it.subscriber, subscription, quietMs: 300 });
    const report = newReport();
    const destination = {
      description: 'the test',
      send: (original: Original) => send(Buffer.from(original.data).toString(), original),
      close: async () => {},
    };
    const storage = () => {
      throw new Error('no dead letter is in an object');
    };
    const all = { limit: 1_000, ratePerSecond: 10_000, isSelected: () => true, signal: NEVER };
    await replayDeadLetters({ reader, destination, storage, ...all, ...options }, report);
    await reader.close();
    return report;
  };

  test('acknowledges confirmed dead letters, keeps refused ones, and stops at an outage', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, names(40));
    const sent: string[] = [];
    const refused = await replay(subscription, async (text) => {
      if (text === 'dead letter 3') throw new PoisonError('too_large', 'no good');
      sent.push(text);
    });
    assert.equal([refused.replayed, refused.left.map(({ error }) => error)], [39, ['no good']]);
    assert.is(refused.stoppedBy, undefined);

    await it.publish(topic, names(40).slice(4));
    const outage = await replay(subscription, async (text) => {
      if (sent.length >= 60) throw new RetryableError('gone');
      sent.push(text);
    });
    assert.is(outage.stoppedBy instanceof Error && outage.stoppedBy.message, 'gone');
    assert.is(sent.length, 60);
    const left = texts(await it.pull(subscription, 37 - outage.replayed));
    assert.is(outage.replayed, 21, 'each that was sent was acknowledged');
    assert.is(left.length, 16);
    assert.ok(await it.isEmpty(subscription));
  });

  test('acknowledges no dead letter before its confirmation, nor when there is none', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, ['one']);
    const stopped = new AbortController();
    const confirmed = Promise.withResolvers<void>();
    let isSent = false;
    const running = replay(
      subscription,
      () => {
        isSent = true;
        return confirmed.promise;
      },
      { signal: stopped.signal },
    );
    await eventually(() => assert.ok(isSent));
    stopped.abort();
    confirmed.reject(new RetryableError('the connection broke'));
    assert.is((await running).replayed, 0);
    assert.equal(texts(await it.pull(subscription, 1)), ['one']);
  });

  test('sends those of one ordering key in sequence by time, others concurrently', async () => {
    const { topic, subscription } = await it.newPair();
    const deadLetter = (name: string, key: string, second: number) =>
      it.publish(topic, [name], {
        attributes: {
          ...{ dlq_reason: 'rejected', dlq_ordering_key: key, uid: 'u1' },
          dlq_time: `2026-01-01T00:00:0${second}.000Z`,
        },
      });
    await deadLetter('k third', 'k', 3);
    await deadLetter('k first', 'k', 1);
    await deadLetter('j', 'j', 2);
    await deadLetter('k second', 'k', 2);
    const inFlight = new Map<string, number>();
    const ended: string[] = [];
    await replay(subscription, async (text, { orderingKey, attributes }) => {
      assert.equal(attributes, { uid: 'u1' });
      assert.is(inFlight.get(orderingKey) ?? 0, 0, 'one of a key at a time');
      inFlight.set(orderingKey, 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inFlight.set(orderingKey, 0);
      ended.push(text);
    });
    assert.equal(
      ended.filter((text) => text.startsWith('k')),
      ['k first', 'k second', 'k third'],
    );
    assert.is(ended.length, 4);
  });

  test('keeps to its rate and its limit', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, names(30));
    const began = performance.now();
    const report = await replay(subscription, async () => {}, { ratePerSecond: 20, limit: 11 });
    assert.ok(performance.now() - began >= 500, 'eleven at 20 a second take half a second at least');
    assert.equal([report.replayed, report.stoppedBy], [11, 'limit']);
    assert.is((await it.pull(subscription, 19)).length, 19);
  });

  test('a dry run sends nothing and leaves everything; truncated dead letters are left', async () => {
    const { topic, subscription } = await it.newPair();
    await it.publish(topic, names(3));
    await it.publish(topic, ['cut'], { attributes: { dlq_reason: 'rejected', dlq_truncated: 'true' } });
    const shown: string[] = [];
    const never = async () => {
      throw new Error('sent');
    };
    const report = await replay(subscription, never, { dryRun: ({ id }) => shown.push(id) });
    assert.equal([report.replayed, report.left.length, shown.length], [3, 1, 3]);
    assert.match(report.left[0]?.error ?? '', 'truncated');
    assert.is((await it.pull(subscription, 4)).length, 4);
  });
});
