/**
 * Milliseconds since the process started, cached until the next microtask. Thousands of messages arrive and settle in
 * one synchronous run, and reading the clock for each takes longer than counting it.
 */
export class TickClock {
  #now: number | undefined;
  readonly #forget = (): void => {
    this.#now = undefined;
  };

  now(): number {
    if (this.#now === undefined) {
      this.#now = performance.now();
      queueMicrotask(this.#forget);
    }
    return this.#now;
  }
}
