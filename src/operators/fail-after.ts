import { type MonoTypeOperatorFunction, type SchedulerLike, throwError, timeout } from 'rxjs';
import { RetryableError } from '../core/errors.ts';
import { monotonicScheduler } from '../util/monotonic-scheduler.ts';

/**
 * Fails an effect that has not answered in time with a RetryableError. The call itself may go on: Google's HTTP clients
 * take a `timeout` and do nothing with it (teeny-request 11 hands it to a fetch that knows no such option).
 *
 *     defer(() => insert(rows)).pipe(failAfter(30_000, 'insertAll'))
 */
export function failAfter<T>(
  timeoutMs: number,
  what: string,
  scheduler: SchedulerLike = monotonicScheduler,
): MonoTypeOperatorFunction<T> {
  return timeout({
    each: timeoutMs,
    scheduler,
    with: () => throwError(() => new RetryableError(`${what}: no answer within ${timeoutMs} ms`)),
  });
}
