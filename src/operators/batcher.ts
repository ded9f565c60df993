import type { Delivery } from '../core/delivery.ts';
import { Fifo } from '../util/fifo.ts';

/**
 * Identifies the batches that an item can join, by target and group. Keys with equal fields are the same; a sink may
 * reuse an object to save its allocation.
 *
 *     new PartitionKey('raw', 'device-7', true)
 */
export class PartitionKey {
  /** What batches of this key depend on, and batches of other targets do not. An effect pauses with this name. */
  readonly target: string;
  /** Separates batches of one target, for example by ordering key. */
  readonly group: string;
  /** True if only one batch of this key may be out at a time, which keeps the order of arrival. */
  readonly isSerial: boolean;
  /** Unique per combination of fields. The length separates target from group, whatever they contain. */
  readonly id: string;

  constructor(target: string, group = '', isSerial = false) {
    this.target = target;
    this.group = group;
    this.isSerial = isSerial;
    this.id = `${target.length} ${target}${group}`;
  }
}

/** Why a batch left: full by count or bytes, old, displaced by another batch, credit used up, or end of the stream. */
export const FLUSH_REASONS = ['count', 'bytes', 'age', 'crowded', 'pressure', 'completion'] as const;

export type FlushReason = (typeof FLUSH_REASONS)[number];

/** A delivery prepared for its sink. */
export interface BatchItem {
  readonly delivery: Delivery;
  /** The batches that it may join. */
  readonly key: PartitionKey;
  /** Bytes that it adds to a batch. */
  readonly bytes: number;
}

/** Items that are processed together, in order of arrival. */
export interface Batch<T extends BatchItem = BatchItem> {
  readonly key: PartitionKey;
  readonly items: readonly T[];
  readonly bytes: number;
  readonly reason: FlushReason;
}

export interface BatchLimits {
  /** Messages per batch. */
  readonly maxCount: number;
  /** Bytes per batch. A larger message forms its own batch. */
  readonly maxBytes: number;
  /** The longest wait of a batch's first message while the sink has a free slot. */
  readonly maxAgeMs: number;
  /** Open batches. One more seals the fullest. */
  readonly maxOpen: number;
}

interface OpenBatch<T> {
  readonly key: PartitionKey;
  /** Emptied once the batch has left, because old Map tables and `#byFullness` may retain this object. */
  items: T[];
  bytes: number;
  readonly openedAt: number;
}

/**
 * Groups deliveries by key and selects the next batch. `batchInto` supplies the time, runs the effects, and takes a
 * batch whenever the sink has a free slot. While nothing is blocked, no operation slows down with more keys.
 *
 * An old batch stays open while every slot is taken and keeps growing: a busy sink gets larger batches, not more of
 * them.
 */
export class Batcher<T extends BatchItem> {
  readonly #limits: BatchLimits;
  /** Open batches by the id of their key, oldest first (a Map keeps insertion order). */
  readonly #open = new Map<string, OpenBatch<T>>();
  /** Open batches that must wait because another batch of their serial key is out. */
  readonly #behind = new Map<string, OpenBatch<T>>();
  /** Open batches whose serial key has returned, in the order of return, which is roughly by age. */
  readonly #back = new Map<string, OpenBatch<T>>();
  readonly #sealed = new Fifo<Batch<T>>();
  /** Serial keys that are out, with the full batches that wait for them. */
  readonly #out = new Map<string, Fifo<Batch<T>>>();
  /**
   * Open batches that may leave, the fullest last. Sorted again once as many items have been added as there are
   * batches.
   */
  #byFullness: OpenBatch<T>[] = [];
  #addedSinceSorting = 0;
  readonly #isBlocked: (key: PartitionKey) => boolean;

  /** @param isBlocked returns true for keys whose batches may not leave now. */
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

  /** Items in one of the fullest batches that may leave; 0 if there is none. */
  get fullestCount(): number {
    return this.#fullest()?.items.length ?? 0;
  }

  get isEmpty(): boolean {
    return this.openCount === 0 && this.#sealed.length === 0 && this.#out.size === 0;
  }

  /** Time when the first batch that may leave becomes due, on the clock of `add`. */
  get nextDueAt(): number | undefined {
    const first = this.#first();
    return first === undefined ? undefined : first.openedAt + this.#limits.maxAgeMs;
  }

  /**
   * @param now read if the item opens a batch.
   * @returns true if a batch may leave now, or if the next due time changed. Adding to an open batch does neither.
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

  /** Takes the batch that should leave now, if any: sealed ones first, then old ones, then any if `pressing` is set. */
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

  /** Records that the batch of a key is done, so that the next one may leave. */
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

  /** Removes and returns everything that waits for a key, in order of arrival. */
  drain(key: PartitionKey): T[] {
    const waiting = this.#out.get(key.id)?.drain() ?? [];
    const open = this.#openOf(key);
    if (open !== undefined) this.#close(open);
    return [...waiting, ...(open === undefined ? [] : [open])].flatMap((batch) => batch.items);
  }

  /** Yields the items of all batches that have not left. */
  *waiting(): Generator<T> {
    for (const batch of this.#allOpen()) yield* batch.items;
    for (const batches of [this.#sealed, ...this.#out.values()]) {
      for (const batch of batches) yield* batch.items;
    }
  }

  /**
   * Removes batches that have not left, the latest of each key first, while `isWanted` returns true. Returns their
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

  /** Returns the batch that is due first among those that may leave. */
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
    // Puts the oldest last among equally full ones.
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
