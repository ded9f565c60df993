import { type MonoTypeOperatorFunction, type SchedulerLike, throwError, timeout } from 'rxjs';
import { RetryableError } from '../core/errors.ts';
import { monotonicScheduler } from '../util/monotonic-scheduler.ts';

/**
 * Fails an effect that exceeds the time limit with a RetryableError. The underlying call may continue: Google's HTTP
 * clients ignore their `timeout` (teeny-request 11 passes it to a fetch without that option).
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
