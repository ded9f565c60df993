/** The time of one server: wall clock for what a caller sees, and generations that always grow. */
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

  /** Microseconds since 1970, and more than the last one. */
  nextGeneration(): string {
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, Math.floor(this.now() * 1000));
    return String(this.#lastGeneration);
  }
}
