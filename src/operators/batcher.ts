import type { Delivery } from '../core/delivery.ts';

/** Why a batch left: it was full, old, had to make room, credit was used up, or the stream ended. */
export type FlushReason = 'count' | 'bytes' | 'age' | 'crowded' | 'pressure' | 'completion';

/** A delivery, prepared for its sink. */
export interface BatchItem {
  readonly delivery: Delivery;
  /** The batch that it belongs to. */
  readonly key: string;
  /** What it adds to its batch. */
  readonly bytes: number;
}

/** Items that travel together, in order of arrival. */
export interface Batch<T extends BatchItem = BatchItem> {
  readonly key: string;
  readonly items: readonly T[];
  readonly bytes: number;
  readonly reason: FlushReason;
}

export interface BatchLimits {
  /** Messages in a batch. */
  readonly maxCount: number;
  /** Bytes in a batch; one larger message travels alone. */
  readonly maxBytes: number;
  /** How long the first message of a batch waits for company, while the sink has a free slot. */
  readonly maxAgeMs: number;
  /** Batches that may be open at one time; one more seals the fullest. */
  readonly maxOpen: number;
}

interface OpenBatch<T> {
  readonly key: string;
  readonly items: T[];
  bytes: number;
  readonly openedAt: number;
}

/**
 * Groups deliveries by key and decides which batch goes next. It neither knows time nor runs effects: `batchInto` asks
 * it for a batch whenever the sink has a free slot.
 *
 * A batch that is old while every slot is taken stays open and goes on growing: a busy sink gets larger batches, not
 * more of them.
 */
export class Batcher<T extends BatchItem> {
  readonly #limits: BatchLimits;
  /** Open batches, oldest first: a Map keeps the order of insertion. */
  readonly #open = new Map<string, OpenBatch<T>>();
  readonly #sealed: Batch<T>[] = [];
  /** Serial keys that are out, with the batches that wait for them. */
  readonly #out = new Map<string, Batch<T>[]>();
  readonly #isSerial: (key: string) => boolean;
  readonly #isBlocked: (key: string) => boolean;

  /**
   * @param isSerial keys of which at most one batch may be out at a time; `returned` says when it is back.
   * @param isBlocked keys of which no batch may go at present.
   */
  constructor(
    limits: BatchLimits,
    isSerial: (key: string) => boolean,
    isBlocked: (key: string) => boolean = () => false,
  ) {
    this.#limits = limits;
    this.#isSerial = isSerial;
    this.#isBlocked = isBlocked;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Items of the fullest open batch that may go: 0 if there is none. */
  get fullestCount(): number {
    return this.#fullest((batch) => this.#mayGo(batch))?.items.length ?? 0;
  }

  get isEmpty(): boolean {
    return this.#open.size === 0 && this.#sealed.length === 0 && this.#out.size === 0;
  }

  /** When the oldest batch that may go becomes due, in the clock of `add`. */
  get nextDueAt(): number | undefined {
    const oldest = this.#firstIdle();
    return oldest === undefined ? undefined : oldest.openedAt + this.#limits.maxAgeMs;
  }

  /**
   * @param now asked when the item opens a batch.
   * @returns whether that may let a batch go, or changes when the next one is due: another item of an open batch does
   *   neither.
   */
  add(item: T, now: () => number): boolean {
    const { key, bytes } = item;
    const { maxCount, maxBytes, maxOpen } = this.#limits;
    let batch = this.#open.get(key);
    let changes = false;
    if (batch !== undefined && batch.bytes + bytes > maxBytes) {
      this.#seal(batch, 'bytes');
      batch = undefined;
    }
    if (batch === undefined) {
      changes = true;
      if (this.#open.size >= maxOpen) {
        const fullest = this.#fullest(() => true);
        if (fullest !== undefined) this.#seal(fullest, 'crowded');
      }
      batch = { key, items: [], bytes: 0, openedAt: now() };
      this.#open.set(key, batch);
    }
    batch.items.push(item);
    batch.bytes += bytes;
    if (batch.items.length >= maxCount) this.#seal(batch, 'count');
    else if (batch.bytes >= maxBytes) this.#seal(batch, 'bytes');
    else return changes;
    return true;
  }

  /** The batch that should go now, if any: what is sealed, then what is old, then, if asked, whatever there is. */
  take(now: number, pressing: 'pressure' | 'completion' | undefined): Batch<T> | undefined {
    const sealed = this.#sealed.findIndex(({ key }) => !this.#isBlocked(key));
    if (sealed >= 0) return this.#sealed.splice(sealed, 1).map((batch) => this.#depart(batch))[0];
    const oldest = this.#firstIdle();
    if (oldest === undefined) return undefined;
    if (oldest.openedAt + this.#limits.maxAgeMs <= now) return this.#depart(this.#unopen(oldest, 'age'));
    if (pressing === 'completion') return this.#depart(this.#unopen(oldest, 'completion'));
    if (pressing === 'pressure') {
      const fullest = this.#fullest((batch) => this.#mayGo(batch)) ?? oldest;
      return this.#depart(this.#unopen(fullest, 'pressure'));
    }
    return undefined;
  }

  /** The batch of that key is done, the next one of it may go. */
  returned(key: string): void {
    const waiting = this.#out.get(key);
    const next = waiting?.shift();
    if (next !== undefined) this.#sealed.push(next);
    else this.#out.delete(key);
  }

  /** Takes out everything that waits of a key, in order of arrival. */
  drain(key: string): T[] {
    const waiting = this.#out.get(key);
    const items = [...(waiting ?? []), ...[this.#open.get(key)].filter((batch) => batch !== undefined)].flatMap(
      (batch) => batch.items,
    );
    waiting?.splice(0);
    this.#open.delete(key);
    return items;
  }

  /** Emits the items of everything that has not left. */
  *waiting(): Generator<T> {
    for (const batch of this.#open.values()) yield* batch.items;
    for (const batch of this.#sealed) yield* batch.items;
    for (const batches of this.#out.values()) for (const batch of batches) yield* batch.items;
  }

  /**
   * Takes out batches that have not left, the latest of each key first, as long as `isWanted` says so, and returns their
   * items in order of arrival within a batch.
   */
  takeBack(isWanted: (items: readonly T[]) => boolean): T[] {
    const taken: T[] = [];
    const take = (items: readonly T[]): boolean => {
      if (!isWanted(items)) return false;
      taken.push(...items);
      return true;
    };
    for (const batch of [...this.#open.values()].reverse()) if (take(batch.items)) this.#open.delete(batch.key);
    for (const batches of this.#out.values()) takeLast(batches, take);
    takeLast(this.#sealed, take);
    return taken;
  }

  #seal(batch: OpenBatch<T>, reason: FlushReason): void {
    const sealed = this.#unopen(batch, reason);
    const waiting = this.#out.get(batch.key);
    if (waiting !== undefined) {
      waiting.push(sealed);
      return;
    }
    if (this.#isSerial(batch.key)) this.#out.set(batch.key, []);
    this.#sealed.push(sealed);
  }

  #unopen(batch: OpenBatch<T>, reason: FlushReason): Batch<T> {
    this.#open.delete(batch.key);
    return { key: batch.key, items: batch.items, bytes: batch.bytes, reason };
  }

  #depart(batch: Batch<T>): Batch<T> {
    if (!this.#out.has(batch.key) && this.#isSerial(batch.key)) this.#out.set(batch.key, []);
    return batch;
  }

  #firstIdle(): OpenBatch<T> | undefined {
    for (const batch of this.#open.values()) if (this.#mayGo(batch)) return batch;
    return undefined;
  }

  #mayGo({ key }: OpenBatch<T>): boolean {
    return !this.#out.has(key) && !this.#isBlocked(key);
  }

  #fullest(eligible: (batch: OpenBatch<T>) => boolean): OpenBatch<T> | undefined {
    let fullest: OpenBatch<T> | undefined;
    for (const batch of this.#open.values()) {
      if (!eligible(batch)) continue;
      if (fullest === undefined || batch.items.length > fullest.items.length) fullest = batch;
    }
    return fullest;
  }
}

/** Removes batches from the end on, whose items `take` takes. */
function takeLast<T extends BatchItem>(batches: Batch<T>[], take: (items: readonly T[]) => boolean): void {
  for (let index = batches.length - 1; index >= 0; index -= 1) {
    const batch = batches[index];
    if (batch !== undefined && take(batch.items)) batches.splice(index, 1);
  }
}
