/** The time of one server: a wall clock for callers, and strictly increasing generations. */
export class Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  #lastGeneration = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  timestamp(): string {
    return new Date(this.now()).toISOString();
  }

  /** Returns microseconds since 1970, larger than the last value. */
  nextGeneration(): string {
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, Math.floor(this.now() * 1000));
    return String(this.#lastGeneration);
  }
}
