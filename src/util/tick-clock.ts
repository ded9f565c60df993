/**
 * Milliseconds since the process began, read once for each run of code without a pause: messages come and are settled
 * by the thousand at one moment, and reading the clock for each takes longer than to count it.
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
