/** Empty places at the head before the array is compacted. */
const COMPACT_AFTER = 1_024;

/**
 * A queue that removes its head in constant time; an array's `shift` moves all remaining items. Unbounded by itself.
 */
export class Fifo<T extends NonNullable<unknown>> {
  /** Places before the head are undefined, so that the queue does not retain removed items. */
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.length === 0) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > COMPACT_AFTER && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Iterates over the items in order. */
  [Symbol.iterator](): Iterator<T> {
    return this.#rest()[Symbol.iterator]();
  }

  /** Removes and returns all items, in order. */
  drain(): T[] {
    const items = this.#rest();
    this.#items = [];
    this.#head = 0;
    return items;
  }

  /** Removes and returns the items that `isWanted` selects; the others keep their order. */
  remove(isWanted: (item: T) => boolean): T[] {
    const all = this.drain();
    const removed: T[] = [];
    for (const item of all) (isWanted(item) ? removed : this.#items).push(item);
    return removed;
  }

  #rest(): T[] {
    return this.#items.slice(this.#head).filter((item) => item !== undefined);
  }
}
