/** The latest entries of something that never ends, each with a number that grows by one. */
export class Ring<T> {
  readonly #capacity: number;
  readonly #entries: T[] = [];
  #count = 0;

  /** @param capacity the most entries that are kept. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Entries so far, those that have been overwritten among them. */
  get count(): number {
    return this.#count;
  }

  push(entry: T): void {
    this.#entries[this.#count % this.#capacity] = entry;
    this.#count += 1;
  }

  /** Returns the entries that are kept and came after the first `count`, the oldest first. */
  since(count = 0): T[] {
    const entries: T[] = [];
    for (let index = Math.max(count, this.#count - this.#capacity); index < this.#count; index += 1) {
      const entry = this.#entries[index % this.#capacity];
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }
}
