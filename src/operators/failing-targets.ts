import type { CreditLimits } from '../core/credit.ts';
import type { BatchItem, PartitionKey } from './batcher.ts';

/** A failing target may hold half of all credit; the rest stays available to working targets. */
const SHARE = 0.5;
/** Bounds of the wait at the source for messages beyond their target's share. */
const MIN_POSTPONE_MS = 1_000;
const MAX_POSTPONE_MS = 10_000;

/** The messages that wait for one failing target. */
interface Waiting {
  messages: number;
  /** Bytes of original data, as credit counts them. */
  bytes: number;
  /** Time when the target began to fail, in ms of the scheduler's clock. */
  readonly since: number;
}

/** The failing targets of one graph, and how much waits for each. There are few, since each has a paused batch. */
export interface FailingTargetsView {
  /** Targets and message counts, largest first. */
  readonly entries: readonly (readonly [target: string, messages: number])[];
  /** The batches of the sink that has these targets. */
  readonly batches?: BatchesView;
}

/** The batches of one sink at present. */
export interface BatchesView {
  /** Batches that take further messages. */
  readonly open: number;
  readonly maxOpen: number;
  /** Full batches that wait for a slot. */
  readonly sealed: number;
  /** Batches that the sink works on. */
  readonly inProgress: number;
  /** Its current limit of concurrent work. */
  readonly slots: number;
}

/** Returns what one target may hold while it fails. Batches must not be larger, or one could exceed this share. */
export function targetShare({ maxMessages, maxBytes }: CreditLimits): CreditLimits {
  return { maxMessages: Math.ceil(maxMessages * SHARE), maxBytes: Math.ceil(maxBytes * SHARE) };
}

/** Counts what waits for failing targets, and determines whether one exceeds its share of the credit. */
export class FailingTargets<T extends BatchItem> implements FailingTargetsView {
  readonly #waiting = new Map<string, Waiting>();
  readonly #sharedTarget: string | undefined;
  readonly #share: CreditLimits;
  readonly #now: () => number;

  /** @param sharedTarget a target that every batch depends on, in addition to its own. */
  constructor(sharedTarget: string | undefined, limits: CreditLimits, now: () => number) {
    this.#sharedTarget = sharedTarget;
    this.#share = targetShare(limits);
    this.#now = now;
  }

  get entries(): readonly (readonly [target: string, messages: number])[] {
    return [...this.#waiting]
      .map(([target, { messages }]) => [target, messages] as const)
      .sort(([, one], [, other]) => other - one);
  }

  isBlocked({ target }: PartitionKey): boolean {
    if (this.#waiting.size === 0) return false;
    if (this.#sharedTarget !== undefined && this.#waiting.has(this.#sharedTarget)) return true;
    return this.#waiting.has(target);
  }

  /**
   * Records that a target fails.
   *
   * @param held everything that the graph holds, for every target.
   */
  block(target: string, held: () => Iterable<T>): void {
    if (this.#waiting.has(target)) return;
    const waiting: Waiting = { messages: 0, bytes: 0, since: this.#now() };
    this.#waiting.set(target, waiting);
    for (const item of held()) if (this.isOf(target, item)) count(waiting, item, 1);
  }

  /** Records that a batch of this key is done, so that its targets may be tried again. */
  unblock({ target }: PartitionKey): void {
    if (this.#waiting.size === 0) return;
    this.#waiting.delete(target);
    if (this.#sharedTarget !== undefined) this.#waiting.delete(this.#sharedTarget);
  }

  isOf(target: string, { key }: { readonly key: PartitionKey }): boolean {
    return target === this.#sharedTarget || target === key.target;
  }

  /** Counts an arriving item. Returns its target if that one exceeds its share, and the item must go back. */
  admit(item: T): string | undefined {
    if (this.#waiting.size === 0) return undefined;
    this.#count(item, 1);
    const { target } = item.key;
    if (!item.delivery.mayPostpone || !this.exceedsShare(target)) return undefined;
    this.#count(item, -1);
    return target;
  }

  /** Subtracts items that went back. */
  remove(items: readonly T[]): void {
    for (const item of items) this.#count(item, -1);
  }

  /** Returns whether a target takes credit from others. The shared target never does. */
  exceedsShare(target: string): boolean {
    const waiting = this.#waiting.get(target);
    if (waiting === undefined || target === this.#sharedTarget) return false;
    return waiting.messages > this.#share.maxMessages || waiting.bytes > this.#share.maxBytes;
  }

  /** Returns how long a message should wait at its source: as long as the target has been failing, within bounds. */
  postponeMs(target: string): number {
    const since = this.#waiting.get(target)?.since ?? this.#now();
    return Math.min(MAX_POSTPONE_MS, Math.max(MIN_POSTPONE_MS, this.#now() - since));
  }

  #count(item: T, sign: 1 | -1): void {
    for (const [target, waiting] of this.#waiting) if (this.isOf(target, item)) count(waiting, item, sign);
  }
}

function count(waiting: Waiting, { delivery: { ackHandle } }: BatchItem, sign: 1 | -1): void {
  waiting.messages += sign;
  waiting.bytes += sign * ackHandle.bytes;
}
