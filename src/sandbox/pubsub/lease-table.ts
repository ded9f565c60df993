import { randomInt } from 'node:crypto';
import type { Entry } from './entry.ts';

/**
 * Finds a leased entry by the numbers in its ack id without hashing: a slot, which is used again, and the number of
 * the delivery, which is not. A delivery number starts at random, so that ack ids of an earlier server mean nothing.
 */
export class LeaseTable {
  readonly #slots: (Entry | undefined)[] = [];
  readonly #free: number[] = [];
  #lastDelivery = randomInt(2 ** 47);

  grant(entry: Entry): void {
    this.#lastDelivery += 1;
    entry.deliveryId = this.#lastDelivery;
    entry.slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[entry.slot] = entry;
  }

  find(slot: number, deliveryId: number): Entry | undefined {
    const entry = this.#slots[slot];
    return entry?.deliveryId === deliveryId ? entry : undefined;
  }

  release(entry: Entry): void {
    this.#slots[entry.slot] = undefined;
    this.#free.push(entry.slot);
  }
}
