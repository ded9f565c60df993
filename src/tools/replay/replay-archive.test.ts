import * as assert from 'uvu/assert';
import { PoisonError } from '../../core/errors.ts';
import type { Message, Original } from '../../core/message.ts';
import { eventually } from '../../testing/eventually.ts';
import { suite } from '../../testing/suite.ts';
import type { Destination } from './destination.ts';
import { paceBySpeed, paceEvenly } from './pacing.ts';
import { progressBar } from './progress-bar.ts';
import { newProgress, replayArchive } from './replay-archive.ts';
import type { TimedMessage } from './timeline.ts';

const message = (id: string): Message => ({
  id,
  payload: Buffer.from('{}'),
  publishTime: '2026-01-01T00:00:00Z',
  attributes: { id },
  enrichmentData: {},
});
const toOriginal = ({ payload, attributes }: Message): Original => ({ data: payload, attributes, orderingKey: '' });

async function* timed(count: number, everyMs: number): AsyncGenerator<TimedMessage> {
  for (let index = 0; index < count; index += 1) {
    yield { message: message(String(index)), timeMs: 1_000_000 + index * everyMs, device: undefined };
  }
}

/** A destination whose answers the test controls. */
function held(answer: (id: string) => Promise<void>): Destination & { sent: string[] } {
  const sent: string[] = [];
  return {
    sent,
    description: 'a test',
    send: ({ attributes }) => {
      sent.push(attributes.id ?? '');
      return answer(attributes.id ?? '');
    },
    close: async () => {},
  };
}

suite('replay', ({ test }) => {
  test('sends in order, with at most a thousand in flight', async () => {
    const answers: (() => void)[] = [];
    const destination = held(() => new Promise((resolve) => answers.push(resolve)));
    const progress = newProgress();
    const { signal } = new AbortController();
    const running = replayArchive(
      { messages: timed(2_500, 1), destination, toOriginal, pacing: paceBySpeed(Infinity), signal },
      progress,
    );
    await eventually(() => assert.is(answers.length, 1_000));
    answers[0]?.();
    await eventually(() => assert.is(answers.length, 1_001));
    assert.is(progress.safeUntilMs, 1_000_001, 'the second message is not confirmed');
    for (let next = 1; progress.replayed < 2_500; next += 1) {
      await eventually(() => assert.ok(answers.length > next || progress.replayed === 2_500));
      answers[next]?.();
    }
    await running;
    assert.equal(
      destination.sent,
      Array.from({ length: 2_500 }, (_, index) => String(index)),
    );
  });

  test('keeps the pace of the messages’ times, or a multiple of it', async () => {
    const destination = held(async () => {});
    const began = performance.now();
    const { signal } = new AbortController();
    await replayArchive(
      { messages: timed(11, 1_000), destination, toOriginal, pacing: paceBySpeed(50), signal },
      newProgress(),
    );
    assert.ok(performance.now() - began >= 199, 'ten seconds at fifty times the pace');
  });

  test('spreads messages evenly over a duration, whatever their times', async () => {
    const began = performance.now();
    const at: number[] = [];
    const destination = held(async () => {
      at.push(performance.now() - began);
    });
    const { signal } = new AbortController();
    // A day apart.
    const messages = timed(10, 86_400_000);
    await replayArchive({ messages, destination, toOriginal, pacing: paceEvenly(10, 1_000), signal }, newProgress());
    assert.is(at.length, 10);
    for (const [index, ms] of at.entries()) assert.ok(ms >= index * 100 - 2, `the ${index}th after ${ms} ms`);
    assert.ok((at[9] ?? 0) < 10_000, 'and not a day apart');
  });

  test('skips and names messages that the destination refuses', async () => {
    const destination = held(async (id) => {
      if (id === '1') throw new PoisonError('unroutable', 'no topic');
    });
    const progress = newProgress();
    const { signal } = new AbortController();
    await replayArchive(
      { messages: timed(3, 1), destination, toOriginal, pacing: paceBySpeed(Infinity), signal },
      progress,
    );
    assert.equal([progress.replayed, progress.refusals], [2, [{ id: '1', error: 'no topic' }]]);
    assert.is(progress.stoppedBy, undefined);
  });

  test('stops at a lasting outage, and returns the time to continue from', async () => {
    const destination = held(async (id) => {
      if (Number(id) >= 5) throw new Error('gone');
    });
    const progress = newProgress();
    const { signal } = new AbortController();
    await replayArchive({ messages: timed(50, 10), destination, toOriginal, pacing: paceBySpeed(1), signal }, progress);
    assert.is(progress.replayed, 5);
    assert.match(String(progress.stoppedBy), 'gone');
    assert.ok((progress.safeUntilMs ?? 0) <= 1_000_050, `nothing unconfirmed lies before ${progress.safeUntilMs}`);
    assert.ok(destination.sent.length < 50);
  });

  test('stops at a signal while it waits', async () => {
    const stop = new AbortController();
    const destination = held(async () => {
      stop.abort();
    });
    const progress = newProgress();
    const options = {
      messages: timed(2, 3_600_000),
      destination,
      toOriginal,
      pacing: paceBySpeed(1),
      signal: stop.signal,
    };
    await replayArchive(options, progress);
    assert.equal([progress.replayed, progress.stoppedBy], [1, 'signal']);
  });
});

suite('progress bar', ({ test }) => {
  test('shows share, counts, rate, the time of the data, and the remaining time', () => {
    assert.is(
      progressBar({ done: 5_000, of: 10_000, seconds: 4, atMs: Date.UTC(2026, 0, 1) }),
      '[######------]  50 %  5,000 of 10,000  1,250/s  2026-01-01T00:00:00Z  4 s left',
    );
    assert.is(progressBar({ done: 0, of: 0, seconds: 0 }), '[############] 100 %  0 of 0  0/s');
  });
});
