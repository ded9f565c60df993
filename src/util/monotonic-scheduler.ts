import { asyncScheduler, type SchedulerAction, type SchedulerLike, type Subscription } from 'rxjs';

/**
 * Real time that never goes back: milliseconds since the process began. The clock of every age, lease, time-out, TTL and
 * back-off. The `now` of RxJS' `asyncScheduler` is the wall clock, which NTP and operators set.
 *
 * Its times are no dates: what is shown or stored takes `Date.now()`.
 */
export const monotonicScheduler: SchedulerLike = {
  now: () => performance.now(),
  schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delayMs?: number, state?: T): Subscription {
    return asyncScheduler.schedule(work, delayMs, state);
  },
};
