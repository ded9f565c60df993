import {
  concatMap,
  defer,
  firstValueFrom,
  type MonoTypeOperatorFunction,
  type Observable,
  retry,
  type SchedulerLike,
  throwError,
  timeout,
  timer,
} from 'rxjs';
import * as v from 'valibot';
import { milliseconds, setting } from '../config/schemas.ts';
import { RetryableError } from '../core/errors.ts';
import { monotonicScheduler } from '../util/clock.ts';

/** Settings that determine when to retry, and when to give up. */
export const retrySchema = v.strictObject({
  initialDelayMs: setting(
    v.optional(milliseconds({ min: 1 }), 100),
    'Longest wait before the first retry. It doubles with each retry, with jitter.',
  ),
  maxDelayMs: setting(v.optional(milliseconds({ min: 1 }), 10_000), 'Longest wait between two attempts.'),
});

export interface RetryPolicy extends v.InferOutput<typeof retrySchema> {
  /** Time after the first failure until the error is passed on; Infinity retries forever. */
  readonly giveUpAfterMs: number;
}

export interface RetryHooks {
  /** Called before each wait, with how long the effect has been failing. */
  readonly onRetry?: (error: RetryableError, attempt: number, failingForMs: number) => void;
  /**
   * Time when the effect's dependency began to fail, in ms of the scheduler's clock. Default: the effect's first
   * failure.
   */
  readonly failingSince?: () => number | undefined;
  /** Subscribed when a wait is over; the next attempt starts when it emits. */
  readonly beforeRetry?: () => Observable<unknown>;
  readonly scheduler?: SchedulerLike;
  /** Source of jitter, in [0, 1). */
  readonly random?: () => number;
}

/**
 * Retries an effect that failed with a RetryableError, with exponential backoff and full jitter, so that clients of a
 * recovering server do not all return together. Honors the server's `Retry-After`. Passes any other error immediately.
 *
 *     defer(() => client.publish(batch)).pipe(retryWithBackoff(policy))
 */
export function retryWithBackoff<T>(policy: RetryPolicy, hooks: RetryHooks = {}): MonoTypeOperatorFunction<T> {
  const scheduler = hooks.scheduler ?? monotonicScheduler;
  const random = hooks.random ?? Math.random;
  return (source) =>
    defer(() => {
      let failingSince: number | undefined;
      return source.pipe(
        retry({
          delay: (error, attempt) => {
            if (!(error instanceof RetryableError)) return throwError(() => error);
            failingSince ??= hooks.failingSince?.() ?? scheduler.now();
            const failingForMs = scheduler.now() - failingSince;
            const ceiling = Math.min(policy.maxDelayMs, policy.initialDelayMs * 2 ** Math.min(attempt - 1, 30));
            const backoffMs = Math.max(1, random() * ceiling);
            // Slightly later than the server asked, so that its clients do not all return together.
            const askedMs = (error.retryAfterMs ?? Number.NEGATIVE_INFINITY) + random() * policy.initialDelayMs;
            const delayMs = Math.max(backoffMs, askedMs);
            if (failingForMs + delayMs > policy.giveUpAfterMs) return throwError(() => error);
            hooks.onRetry?.(error, attempt, failingForMs);
            const wait = timer(delayMs, scheduler);
            const { beforeRetry } = hooks;
            return beforeRetry === undefined ? wait : wait.pipe(concatMap(() => beforeRetry()));
          },
        }),
      );
    });
}

const RETRY = { initialDelayMs: 100, maxDelayMs: 2_000, giveUpAfterMs: 30_000 };

/**
 * Retries a call until it succeeds or has failed for 30 s. Retries only the failures that `asError` converts to
 * outages.
 */
export function retryFor<T>(call: () => Promise<T>, asError: (thrown: unknown) => Error): Promise<T> {
  const attempt = defer(() =>
    call().catch((thrown: unknown) => {
      throw asError(thrown);
    }),
  );
  return firstValueFrom(attempt.pipe(retryWithBackoff(RETRY)));
}

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
