import { setTimeout as sleep } from 'node:timers/promises';

/** Lets callers pass one by one, so many a second; what was not used is not saved up. */
export class Pace {
  readonly #everyMs: number;
  #nextAt = 0;

  constructor(ratePerSecond: number) {
    this.#everyMs = 1_000 / ratePerSecond;
  }

  /** False, without waiting on, when the signal is given. */
  async pass(signal: AbortSignal): Promise<boolean> {
    const now = performance.now();
    const at = Math.max(this.#nextAt, now);
    this.#nextAt = at + this.#everyMs;
    if (at > now) await sleep(at - now, undefined, { signal }).catch(() => {});
    return !signal.aborted;
  }
}
