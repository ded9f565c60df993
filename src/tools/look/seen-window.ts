/**
 * Recognizes new items among items that are read repeatedly, by key and time. Keeps at most `maxKeys` keys: beyond
 * that, the oldest is removed, and anything not newer than it counts as seen.
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

  /** Returns whether a key was never added, and is newer than the removed keys. */
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
