import type { Storage } from '@google-cloud/storage';
import { PoisonError, toError } from '../../core/errors.ts';
import type { Letter } from '../../dead-letters/dead-letter.ts';
import type { Destination } from '../replay/destination.ts';
import type { LetterBox } from './dead-letter-reader.ts';
import { originalOf } from './original-of.ts';
import { Pace } from './pace.ts';

/** Letters on their way at one time. */
const CONCURRENCY = 16;

export interface ReplayOptions {
  readonly box: LetterBox;
  readonly destination: Destination;
  readonly storage: () => Storage;
  /** Which letters are meant. */
  readonly isMeant: (letter: Letter) => boolean;
  /** Letters that are looked at, of those that are meant. */
  readonly limit: number;
  readonly ratePerSecond: number;
  /** Called with each that would be replayed, instead of replaying it. */
  readonly dryRun?: (letter: Letter) => void;
  readonly signal: AbortSignal;
}

/** A letter that stays where it is, and why. */
export interface LetterLeft {
  readonly id: string;
  readonly error: string;
}

/** What a replay has done so far. Its lists are bounded by the limit. */
export interface ReplayReport {
  /** Confirmed by the destination, and acknowledged. With a dry run: would be. */
  replayed: number;
  readonly left: LetterLeft[];
  /** Letters published after the replay began: of messages that failed again, most likely. */
  newer: number;
  /** Why it ended before all were tried. */
  stoppedBy: 'limit' | 'signal' | 'full' | Error | undefined;
}

/**
 * Puts letters back where they came from. A letter is acknowledged only after its original was confirmed: a crash
 * repeats at most 16 of them, and loses none. Within a page they go in the order of their times, those of one ordering
 * key one after the other.
 *
 * A truncated letter is left, and so is one that its destination refuses; an outage that lasts ends the replay. Letters
 * that come while it runs are left too: a message whose cause is not mended would go round in circles.
 */
export async function replayLetters(options: ReplayOptions, report: ReplayReport): Promise<void> {
  const { box, isMeant, limit, dryRun, signal } = options;
  const beganAt = Date.now();
  const pace = new Pace(options.ratePerSecond);
  let looked = 0;
  for await (const page of box.pages(signal)) {
    const meant: Letter[] = [];
    for (const letter of page) {
      if (!isMeant(letter)) continue;
      if (Date.parse(letter.publishTime) > beganAt) report.newer += 1;
      else if (looked < limit) {
        looked += 1;
        if (letter.isTruncated) report.left.push({ id: letter.id, error: 'truncated: a part of the original is gone' });
        else meant.push(letter);
      } else report.stoppedBy = 'limit';
    }
    if (dryRun !== undefined) {
      report.replayed += meant.length;
      meant.forEach(dryRun);
    } else await sendAll(options, pace, meant, report);
    if (report.stoppedBy !== undefined) return;
  }
  if (signal.aborted) report.stoppedBy = 'signal';
  else if (box.isFull) report.stoppedBy = 'full';
}

/** An empty report, for a replay to fill in. */
export function newReport(): ReplayReport {
  return { replayed: 0, left: [], newer: 0, stoppedBy: undefined };
}

async function sendAll(
  { box, destination, storage, signal }: ReplayOptions,
  pace: Pace,
  letters: readonly Letter[],
  report: ReplayReport,
): Promise<void> {
  const send = async (letter: Letter): Promise<Letter | undefined> => {
    try {
      await destination.send(await originalOf(letter, storage));
      return letter;
    } catch (thrown) {
      const error = toError(thrown);
      report.left.push({ id: letter.id, error: error.message });
      if (!(error instanceof PoisonError)) report.stoppedBy = error;
      return undefined;
    }
  };
  for (const group of groups(letters)) {
    const sent: Promise<Letter | undefined>[] = [];
    for (const letter of group) {
      if (!(await pace.pass(signal))) break;
      sent.push(send(letter));
    }
    const confirmed = (await Promise.all(sent)).filter((letter) => letter !== undefined);
    await box.acknowledge(confirmed);
    report.replayed += confirmed.length;
    if (signal.aborted) report.stoppedBy = 'signal';
    if (report.stoppedBy !== undefined) return;
  }
}

/** By time, in groups that may be on their way together: no two of one ordering key. */
function groups(letters: readonly Letter[]): Letter[][] {
  const found: Letter[][] = [];
  let group: Letter[] = [];
  let keys = new Set<string>();
  for (const letter of letters.toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time))) {
    const key = letter.original.orderingKey;
    if (group.length === 0 || group.length >= CONCURRENCY || keys.has(key)) {
      group = [];
      keys = new Set();
      found.push(group);
    }
    group.push(letter);
    if (key !== '') keys.add(key);
  }
  return found;
}
