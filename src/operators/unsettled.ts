import type { Delivery } from '../core/delivery.ts';

/**
 * The deliveries of one batch that have no outcome yet. Outcomes mostly come in the order of the batch: then it is a
 * number that moves on, and a Set only from the first one that comes out of order.
 */
export class Unsettled {
  readonly #items: readonly { readonly delivery: Delivery }[];
  #next = 0;
  #rest: Set<Delivery> | undefined;

  constructor(items: readonly { readonly delivery: Delivery }[]) {
    this.#items = items;
  }

  get isEmpty(): boolean {
    return this.#rest === undefined ? this.#next === this.#items.length : this.#rest.size === 0;
  }

  /** Takes one out; false if it is not among them, or not any more. */
  delete(delivery: Delivery): boolean {
    if (this.#rest !== undefined) return this.#rest.delete(delivery);
    if (this.#items[this.#next]?.delivery === delivery) {
      this.#next += 1;
      return true;
    }
    this.#rest = new Set(this.#items.slice(this.#next).map((item) => item.delivery));
    return this.#rest.delete(delivery);
  }

  /** Takes all out, in order. */
  drain(): Delivery[] {
    const all = this.#rest === undefined ? this.#items.slice(this.#next).map((item) => item.delivery) : [...this.#rest];
    this.#rest = new Set();
    return all;
  }
}
