import { randomInt } from 'node:crypto';
import type { Entry } from './entry.ts';

const GENERATIONS = 2 ** 30;

/**
 * Finds a leased entry by the numbers in its ack id without hashing: a slot, which is used again, and a generation,
 * which counts all deliveries modulo 2^30. It starts at random, so that ack ids of an earlier server mean nothing.
 */
export class LeaseTable {
  readonly #slots: (Entry | undefined)[] = [];
  readonly #free: number[] = [];
  #generation = randomInt(GENERATIONS);

  grant(entry: Entry): void {
    this.#generation = (this.#generation + 1) % GENERATIONS;
    entry.generation = this.#generation;
    entry.slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[entry.slot] = entry;
  }

  find(slot: number, generation: number): Entry | undefined {
    const entry = this.#slots[slot];
    return entry?.generation === generation ? entry : undefined;
  }

  release(entry: Entry): void {
    this.#slots[entry.slot] = undefined;
    this.#free.push(entry.slot);
  }
}
