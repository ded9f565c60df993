/** The links of an item. An item is in one list at a time; only the list changes them. */
export interface Linked<T> {
  older: T | undefined;
  newer: T | undefined;
  isLinked: boolean;
}

/**
 * Keeps items in order of arrival; an item leaves from any place without a lookup.
 *
 * A Set would do the same, but where thousands come and go it is made anew again and again, and V8 chains the old tables
 * to the new one: once one of them is in the old generation, it keeps whatever comes after it until the next full
 * collection.
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

  /** From the oldest to the newest. The one at hand may be deleted meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    let next = this.#oldest;
    while (next !== undefined) {
      const { newer } = next;
      yield next;
      next = newer;
    }
  }

  /** Adds what is in no list. */
  add(item: T): void {
    item.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = item;
    else this.#newest.newer = item;
    this.#newest = item;
    item.isLinked = true;
    this.#size += 1;
  }

  /** Takes an item out; one that is out already is left alone. */
  delete(item: T): void {
    if (!item.isLinked) return;
    const { older, newer } = item;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // What is done with, and not collected yet, must not keep its neighbors.
    item.older = undefined;
    item.newer = undefined;
    item.isLinked = false;
    this.#size -= 1;
  }
}
