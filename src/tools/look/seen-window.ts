/**
 * Finds what is new among things that are read again and again, by key and time. Holds at most `maxKeys` keys: when there
 * are more, the oldest is forgotten, and what is not newer than it counts as seen.
 */
export class SeenWindow<Time extends string | number> {
  readonly #maxKeys: number;
  readonly #times = new Map<string, Time>();
  #floor: Time | undefined;
  #newest: Time | undefined;

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /** The time up to which everything counts as seen; undefined at first. */
  get floor(): Time | undefined {
    return this.#floor;
  }

  /** The latest time of all keys; undefined at first. */
  get newest(): Time | undefined {
    return this.#newest;
  }

  /** Returns whether a key was never added, and is newer than what was forgotten. */
  isNew(key: string, time: Time): boolean {
    return !this.#times.has(key) && (this.#floor === undefined || time > this.#floor);
  }

  /** Adds a key; returns whether it was new. */
  add(key: string, time: Time): boolean {
    if (!this.isNew(key, time)) return false;
    this.#times.set(key, time);
    if (this.#newest === undefined || time > this.#newest) this.#newest = time;
    if (this.#times.size > this.#maxKeys) {
      const [first] = this.#times;
      if (first !== undefined) this.#forget(first);
    }
    return true;
  }

  #forget([key, time]: readonly [string, Time]): void {
    this.#times.delete(key);
    if (this.#floor === undefined || time > this.#floor) this.#floor = time;
  }
}
