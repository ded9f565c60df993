/** The links of an item, changed only by its list. An item is in at most one list. */
export interface Linked<T> {
  older: T | undefined;
  newer: T | undefined;
  isLinked: boolean;
}

/**
 * Keeps items in order of arrival, and removes any item without a lookup.
 *
 * A Set would do the same, but it rebuilds its table when thousands of items come and go. V8 chains old tables to the
 * new one, and a table in the old generation retains everything after it until the next full collection.
 */
export class LinkedList<T extends Linked<T>> {
  #oldest: T | undefined;
  #newest: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get oldest(): T | undefined {
    return this.#oldest;
  }

  /** Iterates from oldest to newest. The current item may be deleted during iteration. */
  *[Symbol.iterator](): Generator<T> {
    let next = this.#oldest;
    while (next !== undefined) {
      const { newer } = next;
      yield next;
      next = newer;
    }
  }

  /** Adds an item that is not in a list. */
  add(item: T): void {
    item.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = item;
    else this.#newest.newer = item;
    this.#newest = item;
    item.isLinked = true;
    this.#size += 1;
  }

  /** Removes an item; does nothing if it is not in the list. */
  delete(item: T): void {
    if (!item.isLinked) return;
    const { older, newer } = item;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // A removed item that is not collected yet must not retain its neighbors.
    item.older = undefined;
    item.newer = undefined;
    item.isLinked = false;
    this.#size -= 1;
  }
}
