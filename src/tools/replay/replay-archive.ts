import { setTimeout as sleep } from 'node:timers/promises';
import { PoisonError, toError } from '../../core/errors.ts';
import type { Message, Original } from '../../core/message.ts';
import type { Destination } from './destination.ts';
import type { Pacing } from './pacing.ts';
import type { TimedMessage } from './timeline.ts';

/** Messages in flight. */
const WINDOW = 1_000;
const NAMED = 100;

export interface ReplayArchiveOptions {
  readonly messages: AsyncIterable<TimedMessage>;
  readonly destination: Destination;
  /** Converts a message for sending. */
  readonly toOriginal: (message: Message) => Original;
  readonly pacing: Pacing;
  readonly signal: AbortSignal;
}

/** Progress of a replay. */
export interface ReplayProgress {
  replayed: number;
  /** Permanently refused by the destination. */
  refused: number;
  /** The first hundred of them. */
  readonly refusals: { readonly id: string; readonly error: string }[];
  /** Time of the last sent message, in milliseconds since 1970. */
  atMs: number | undefined;
  /** Everything before this time is confirmed or refused, so another replay can continue from here. */
  safeUntilMs: number | undefined;
  stoppedBy: 'signal' | Error | undefined;
}

/** Creates an empty report for a replay. */
export function newProgress(): ReplayProgress {
  return {
    ...{ replayed: 0, refused: 0, refusals: [], atMs: undefined, safeUntilMs: undefined, stoppedBy: undefined },
  };
}

/**
 * Sends messages in order, each when it is due, with at most 1,000 unconfirmed. Skips and names messages that the
 * destination refuses. A lasting outage ends the replay.
 */
export async function replayArchive(options: ReplayArchiveOptions, progress: ReplayProgress): Promise<void> {
  const { messages, destination, toOriginal, pacing, signal } = options;
  const underWay = new Set<{ readonly timeMs: number; done: Promise<void> }>();
  const send = async ({ message }: TimedMessage): Promise<void> => {
    try {
      await destination.send(toOriginal(message));
      progress.replayed += 1;
    } catch (thrown) {
      const error = toError(thrown);
      if (error instanceof PoisonError) {
        progress.refused += 1;
        if (progress.refusals.length < NAMED) progress.refusals.push({ id: message.id, error: error.message });
      } else progress.stoppedBy ??= error;
    }
  };
  let index = 0;
  const beganAt = performance.now();
  for await (const timed of messages) {
    await waitUntil(beganAt + pacing(timed.timeMs, index), signal);
    index += 1;
    if (signal.aborted) progress.stoppedBy ??= 'signal';
    if (progress.stoppedBy !== undefined) break;
    progress.atMs = timed.timeMs;
    const entry = { timeMs: timed.timeMs, done: Promise.resolve() };
    underWay.add(entry);
    entry.done = send(timed).finally(() => {
      if (progress.stoppedBy !== undefined && progress.stoppedBy !== 'signal') return;
      underWay.delete(entry);
      const [oldest] = underWay;
      progress.safeUntilMs = oldest?.timeMs ?? entry.timeMs;
    });
    while (underWay.size >= WINDOW && progress.stoppedBy === undefined) {
      await Promise.race(Array.from(underWay, ({ done }) => done).slice(0, 1));
    }
  }
  await Promise.all(Array.from(underWay, ({ done }) => done));
}

/** The longest wait of a timer: 24 days. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

async function waitUntil(at: number, signal: AbortSignal): Promise<void> {
  for (let waitMs = at - performance.now(); waitMs > 1 && !signal.aborted; waitMs = at - performance.now()) {
    await sleep(Math.min(waitMs, LONGEST_WAIT_MS), undefined, { signal }).catch(() => {});
  }
}
