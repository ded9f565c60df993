import { setTimeout as sleep } from 'node:timers/promises';
import type { Storage } from '@google-cloud/storage';
import { PoisonError, toError } from '../../core/errors.ts';
import type { DeadLetter } from '../../dead-letters/read-dead-letter.ts';
import type { Destination } from '../replay/destination.ts';
import type { DeadLetterReader } from './dead-letter-reader.ts';
import { originalOf } from './original-of.ts';

/** Dead letters in flight. */
const CONCURRENCY = 16;

export interface ReplayOptions {
  readonly reader: DeadLetterReader;
  readonly destination: Destination;
  readonly storage: () => Storage;
  /** Selects dead letters. */
  readonly isSelected: (deadLetter: DeadLetter) => boolean;
  /** The most selected dead letters to process. */
  readonly limit: number;
  readonly ratePerSecond: number;
  /** Called with each dead letter instead of replaying it. */
  readonly dryRun?: (deadLetter: DeadLetter) => void;
  readonly signal: AbortSignal;
}

/** A dead letter that stays, and why. */
export interface SkippedDeadLetter {
  readonly id: string;
  readonly error: string;
}

/** Progress of a replay. The limit bounds its lists. */
export interface ReplayReport {
  /** Confirmed by the destination, and acknowledged. With a dry run: would be. */
  replayed: number;
  readonly left: SkippedDeadLetter[];
  /** Dead letters published after the replay began, most likely of messages that failed again. */
  newer: number;
  /** Why the replay ended before all were tried. */
  stoppedBy: 'limit' | 'signal' | 'full' | Error | undefined;
}

/**
 * Puts dead letters back where they came from. Acknowledges a dead letter only after its original is confirmed, so a
 * crash repeats at most 16 and loses none. Within a page, sends them in the order of their times, those of one ordering
 * key one after the other.
 *
 * Truncated dead letters, and those refused by the destination, stay; a lasting outage ends the replay. Dead letters
 * that arrive during the replay stay too, so that messages with an unfixed cause do not loop.
 */
export async function replayDeadLetters(options: ReplayOptions, report: ReplayReport): Promise<void> {
  const { reader, isSelected, limit, dryRun, signal } = options;
  const beganAt = Date.now();
  const pace = new Pace(options.ratePerSecond);
  let looked = 0;
  for await (const page of reader.pages(signal)) {
    const selected: DeadLetter[] = [];
    for (const deadLetter of page) {
      if (!isSelected(deadLetter)) continue;
      if (Date.parse(deadLetter.publishTime) > beganAt) report.newer += 1;
      else if (looked < limit) {
        looked += 1;
        if (deadLetter.isTruncated)
          report.left.push({ id: deadLetter.id, error: 'truncated: a part of the original is lost' });
        else selected.push(deadLetter);
      } else report.stoppedBy = 'limit';
    }
    if (dryRun !== undefined) {
      report.replayed += selected.length;
      selected.forEach(dryRun);
    } else await sendAll(options, pace, selected, report);
    if (report.stoppedBy !== undefined) return;
  }
  if (signal.aborted) report.stoppedBy = 'signal';
  else if (reader.isFull) report.stoppedBy = 'full';
}

/** Creates an empty report for a replay. */
export function newReport(): ReplayReport {
  return { replayed: 0, left: [], newer: 0, stoppedBy: undefined };
}

async function sendAll(
  { reader, destination, storage, signal }: ReplayOptions,
  pace: Pace,
  deadLetters: readonly DeadLetter[],
  report: ReplayReport,
): Promise<void> {
  const send = async (deadLetter: DeadLetter): Promise<DeadLetter | undefined> => {
    try {
      await destination.send(await originalOf(deadLetter, storage));
      return deadLetter;
    } catch (thrown) {
      const error = toError(thrown);
      report.left.push({ id: deadLetter.id, error: error.message });
      if (!(error instanceof PoisonError)) report.stoppedBy = error;
      return undefined;
    }
  };
  for (const group of groups(deadLetters)) {
    const sent: Promise<DeadLetter | undefined>[] = [];
    for (const deadLetter of group) {
      if (!(await pace.pass(signal))) break;
      sent.push(send(deadLetter));
    }
    const confirmed = (await Promise.all(sent)).filter((deadLetter) => deadLetter !== undefined);
    await reader.acknowledge(confirmed);
    report.replayed += confirmed.length;
    if (signal.aborted) report.stoppedBy = 'signal';
    if (report.stoppedBy !== undefined) return;
  }
}

/** Groups dead letters by time for concurrent sending, with at most one per ordering key in each group. */
function groups(deadLetters: readonly DeadLetter[]): DeadLetter[][] {
  const found: DeadLetter[][] = [];
  let group: DeadLetter[] = [];
  let keys = new Set<string>();
  for (const deadLetter of deadLetters.toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time))) {
    const key = deadLetter.original.orderingKey;
    if (group.length === 0 || group.length >= CONCURRENCY || keys.has(key)) {
      group = [];
      keys = new Set();
      found.push(group);
    }
    group.push(deadLetter);
    if (key !== '') keys.add(key);
  }
  return found;
}

/** Lets callers pass one by one at a maximum rate. Unused capacity does not accumulate. */
export class Pace {
  readonly #everyMs: number;
  #nextAt = 0;

  constructor(ratePerSecond: number) {
    this.#everyMs = 1_000 / ratePerSecond;
  }

  /** Returns false without further waiting if the signal is given. */
  async pass(signal: AbortSignal): Promise<boolean> {
    const now = performance.now();
    const at = Math.max(this.#nextAt, now);
    this.#nextAt = at + this.#everyMs;
    if (at > now) await sleep(at - now, undefined, { signal }).catch(() => {});
    return !signal.aborted;
  }
}
