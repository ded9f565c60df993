import type { Delivery } from '../core/delivery.ts';
import { Fifo } from '../util/fifo.ts';
import type { PartitionKey } from './partition-key.ts';

/** Why a batch left: it was full, old, had to make room, credit was used up, or the stream ended. */
export type FlushReason = 'count' | 'bytes' | 'age' | 'crowded' | 'pressure' | 'completion';

/** A delivery, prepared for its sink. */
export interface BatchItem {
  readonly delivery: Delivery;
  /** The batches that it belongs to. */
  readonly key: PartitionKey;
  /** The bytes that it adds to its batch. */
  readonly bytes: number;
}

/** Items that travel together, in order of arrival. */
export interface Batch<T extends BatchItem = BatchItem> {
  readonly key: PartitionKey;
  readonly items: readonly T[];
  readonly bytes: number;
  readonly reason: FlushReason;
}

export interface BatchLimits {
  /** Messages in a batch. */
  readonly maxCount: number;
  /** Bytes in a batch; one larger message travels alone. */
  readonly maxBytes: number;
  /** Longest wait of a batch's first message, while the sink has a free slot. */
  readonly maxAgeMs: number;
  /** Batches that may be open at one time; one more seals the fullest. */
  readonly maxOpen: number;
}

interface OpenBatch<T> {
  readonly key: PartitionKey;
  /** Empty once the batch has left, since replaced tables of the Maps and `#byFullness` may keep this object. */
  items: T[];
  bytes: number;
  readonly openedAt: number;
}

/**
 * Groups deliveries by key and decides which batch goes next. It neither knows time nor runs effects: `batchInto` asks
 * it for a batch whenever the sink has a free slot. While nothing is blocked, no step of it takes longer with more keys.
 *
 * A batch that is old while every slot is taken stays open and goes on growing: a busy sink gets larger batches, not
 * more of them.
 */
export class Batcher<T extends BatchItem> {
  readonly #limits: BatchLimits;
  /** Open batches by the id of their key, oldest first: a Map keeps the order of insertion. */
  readonly #open = new Map<string, OpenBatch<T>>();
  /** Open batches whose serial key is out: they may not go. */
  readonly #behind = new Map<string, OpenBatch<T>>();
  /** Open batches whose serial key has come back, in that order, which is about that of their age. */
  readonly #back = new Map<string, OpenBatch<T>>();
  readonly #sealed = new Fifo<Batch<T>>();
  /** Serial keys that are out, with the full batches that wait for them. */
  readonly #out = new Map<string, Fifo<Batch<T>>>();
  /** Open batches that might go, the fullest last; sorted anew once as many items have been added as there are batches. */
  #byFullness: OpenBatch<T>[] = [];
  #addedSinceSorting = 0;
  readonly #isBlocked: (key: PartitionKey) => boolean;

  /** @param isBlocked keys of which no batch may go at present. */
  constructor(limits: BatchLimits, isBlocked: (key: PartitionKey) => boolean = () => false) {
    this.#limits = limits;
    this.#isBlocked = isBlocked;
  }

  get openCount(): number {
    return this.#open.size + this.#behind.size + this.#back.size;
  }

  /** Full batches that wait for a slot. */
  get sealedCount(): number {
    return this.#sealed.length;
  }

  /** Items of a batch that is among the fullest that may go: 0 if there is none. */
  get fullestCount(): number {
    return this.#fullest()?.items.length ?? 0;
  }

  get isEmpty(): boolean {
    return this.openCount === 0 && this.#sealed.length === 0 && this.#out.size === 0;
  }

  /** When the first batch that may go becomes due, in the clock of `add`. */
  get nextDueAt(): number | undefined {
    const first = this.#first();
    return first === undefined ? undefined : first.openedAt + this.#limits.maxAgeMs;
  }

  /**
   * @param now asked when the item opens a batch.
   * @returns whether that may let a batch go, or changes when the next one is due: another item of an open batch does
   *   neither.
   */
  add(item: T, now: () => number): boolean {
    const { key, bytes } = item;
    const { maxCount, maxBytes, maxOpen } = this.#limits;
    let batch = this.#openOf(key);
    let changes = false;
    this.#addedSinceSorting += 1;
    if (batch !== undefined && batch.bytes + bytes > maxBytes) {
      this.#seal(batch, 'bytes');
      batch = undefined;
    }
    if (batch === undefined) {
      changes = true;
      if (this.openCount >= maxOpen) {
        const fullest = this.#fullest() ?? this.#behind.values().next().value;
        if (fullest !== undefined) this.#seal(fullest, 'crowded');
      }
      batch = { key, items: [], bytes: 0, openedAt: now() };
      (this.#out.has(key.id) ? this.#behind : this.#open).set(key.id, batch);
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
    const sealed = this.#takeSealed();
    if (sealed !== undefined) return this.#depart(sealed);
    const first = this.#first();
    if (first === undefined) return undefined;
    if (first.openedAt + this.#limits.maxAgeMs <= now) return this.#depart(this.#unopen(first, 'age'));
    if (pressing === 'completion') return this.#depart(this.#unopen(first, 'completion'));
    if (pressing === 'pressure') return this.#depart(this.#unopen(this.#fullest() ?? first, 'pressure'));
    return undefined;
  }

  /** The batch of that key is done, the next one of it may go. */
  returned({ id }: PartitionKey): void {
    const waiting = this.#out.get(id);
    if (waiting === undefined) return;
    const next = waiting.shift();
    if (next !== undefined) {
      this.#sealed.push(next);
      return;
    }
    this.#out.delete(id);
    const open = this.#behind.get(id);
    if (open === undefined) return;
    this.#behind.delete(id);
    this.#back.set(id, open);
  }

  /** Takes out everything that waits of a key, in order of arrival. */
  drain(key: PartitionKey): T[] {
    const waiting = this.#out.get(key.id)?.drain() ?? [];
    const open = this.#openOf(key);
    if (open !== undefined) this.#close(open);
    return [...waiting, ...(open === undefined ? [] : [open])].flatMap((batch) => batch.items);
  }

  /** Emits the items of everything that has not left. */
  *waiting(): Generator<T> {
    for (const batch of this.#allOpen()) yield* batch.items;
    for (const batches of [this.#sealed, ...this.#out.values()]) {
      for (const batch of batches) yield* batch.items;
    }
  }

  /**
   * Takes out batches that have not left, the latest of each key first, as long as `isWanted` says so, and returns their
   * items in order of arrival within a batch.
   */
  takeBack(isWanted: (items: readonly T[]) => boolean): T[] {
    const taken: T[] = [];
    const take = ({ items }: { readonly items: readonly T[] }): boolean => {
      if (!isWanted(items)) return false;
      taken.push(...items);
      return true;
    };
    for (const batch of [...this.#allOpen()].reverse()) if (take(batch)) this.#close(batch);
    for (const batches of [...this.#out.values(), this.#sealed]) {
      const gone = new Set([...batches].reverse().filter(take));
      batches.remove((batch) => gone.has(batch));
    }
    return taken;
  }

  #seal(batch: OpenBatch<T>, reason: FlushReason): void {
    const sealed = this.#unopen(batch, reason);
    const waiting = this.#out.get(batch.key.id);
    if (waiting !== undefined) {
      waiting.push(sealed);
      return;
    }
    if (batch.key.isSerial) this.#out.set(batch.key.id, new Fifo());
    this.#sealed.push(sealed);
  }

  #takeSealed(): Batch<T> | undefined {
    const first = this.#sealed.peek();
    if (first === undefined || !this.#isBlocked(first.key)) return this.#sealed.shift();
    let found: Batch<T> | undefined;
    this.#sealed.remove((batch) => {
      if (found !== undefined || this.#isBlocked(batch.key)) return false;
      found = batch;
      return true;
    });
    return found;
  }

  #unopen(batch: OpenBatch<T>, reason: FlushReason): Batch<T> {
    this.#close(batch);
    const { key, items, bytes } = batch;
    batch.items = [];
    return { key, items, bytes, reason };
  }

  #depart(batch: Batch<T>): Batch<T> {
    if (batch.key.isSerial && !this.#out.has(batch.key.id)) this.#out.set(batch.key.id, new Fifo());
    return batch;
  }

  #openOf({ id }: PartitionKey): OpenBatch<T> | undefined {
    return this.#open.get(id) ?? this.#behind.get(id) ?? this.#back.get(id);
  }

  *#allOpen(): Generator<OpenBatch<T>> {
    for (const batches of [this.#open, this.#behind, this.#back]) yield* batches.values();
  }

  #close({ key }: OpenBatch<T>): void {
    for (const batches of [this.#open, this.#behind, this.#back]) if (batches.delete(key.id)) return;
  }

  /** The one of the batches that may go that is due first. */
  #first(): OpenBatch<T> | undefined {
    const open = this.#firstOf(this.#open);
    const back = this.#back.size === 0 ? undefined : this.#firstOf(this.#back);
    if (open === undefined || back === undefined) return open ?? back;
    return back.openedAt < open.openedAt ? back : open;
  }

  #firstOf(batches: ReadonlyMap<string, OpenBatch<T>>): OpenBatch<T> | undefined {
    for (const batch of batches.values()) if (!this.#isBlocked(batch.key)) return batch;
    return undefined;
  }

  #fullest(): OpenBatch<T> | undefined {
    if (this.#addedSinceSorting < this.openCount) {
      const known = this.#lastOfSorted();
      if (known !== undefined) return known;
    }
    // Of equally full ones the oldest is last.
    this.#byFullness = [...this.#back.values(), ...this.#open.values()].reverse();
    this.#byFullness.sort((one, other) => one.items.length - other.items.length);
    this.#addedSinceSorting = 0;
    return this.#lastOfSorted();
  }

  #lastOfSorted(): OpenBatch<T> | undefined {
    for (;;) {
      const batch = this.#byFullness.at(-1);
      if (batch === undefined) return undefined;
      const { id } = batch.key;
      const mayGo = this.#open.get(id) === batch || this.#back.get(id) === batch;
      if (mayGo && !this.#isBlocked(batch.key)) return batch;
      this.#byFullness.pop();
    }
  }
}
