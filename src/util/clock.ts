import { asyncScheduler, type SchedulerAction, type SchedulerLike, type Subscription } from 'rxjs';

/**
 * A monotonic clock: milliseconds since the process started. The clock of every age, lease, timeout, TTL and backoff,
 * because `now` of RxJS' `asyncScheduler` is the wall clock, which NTP and operators set.
 *
 * Its times are not dates: use `Date.now()` for times that are shown or stored.
 */
export const monotonicScheduler: SchedulerLike = {
  now: () => performance.now(),
  schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delayMs?: number, state?: T): Subscription {
    return asyncScheduler.schedule(work, delayMs, state);
  },
};

/**
 * Milliseconds of a clock, cached until the next microtask. Thousands of messages arrive and settle in one synchronous
 * run, and reading the clock for each takes longer than counting it.
 */
export class TickClock {
  readonly #read: () => number;
  #now: number | undefined;
  readonly #forget = (): void => {
    this.#now = undefined;
  };

  /** @param read a clock in milliseconds. Default: the time since the process started. */
  constructor(read: () => number = () => performance.now()) {
    this.#read = read;
  }

  now(): number {
    if (this.#now === undefined) {
      this.#now = this.#read();
      queueMicrotask(this.#forget);
    }
    return this.#now;
  }
}
