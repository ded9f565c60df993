import {
  catchError,
  concatMap,
  defer,
  EMPTY,
  finalize,
  from,
  type Observable,
  type OperatorFunction,
  of,
  type SchedulerLike,
  throwError,
} from 'rxjs';
import * as v from 'valibot';
import { count, milliseconds, setting } from '../config/schemas.ts';
import type { Delivery } from '../core/delivery.ts';
import { PoisonError } from '../core/errors.ts';
import { type Drop, drop, hookError, isPromise } from '../core/hook-result.ts';
import type { ConditionSetter } from '../core/readiness.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { orderedByKey } from './ordered-by-key.ts';
import { failAfter, type RetryPolicy, retryWithBackoff } from './retry.ts';

/** Settings of hooks that may be asynchronous. */
export const hooksSchema = v.strictObject({
  timeoutMs: setting(
    v.optional(milliseconds({ min: 10 }), 10_000),
    'Time limit of one call of an asynchronous hook. A call without an answer counts as an outage and is ' + 'retried.',
  ),
  concurrency: setting(v.optional(count({ max: 10_000 }), 100), 'The most concurrent calls of asynchronous hooks.'),
});

export type HooksConfig = v.InferOutput<typeof hooksSchema>;

/** Waits between calls of a hook during an outage. */
export const HOOK_RETRY = { initialDelayMs: 100, maxDelayMs: 10_000, giveUpAfterMs: 300_000 };

/** The answer of a hook: its result, now or later, or `drop`. */
export type HookAnswer<T> = T | Drop | PromiseLike<T | Drop>;

export interface HookOptions<T> {
  /** The name under which `hooks.ts` exports it, for example `enricher`. */
  readonly name: string;
  readonly config: HooksConfig;
  /** Deliveries with the same key keep their order. Undefined: no order. */
  readonly keyOf: (delivery: Delivery) => string | undefined;
  readonly call: (delivery: Delivery) => HookAnswer<T>;
  /** Merges the result into the delivery. An error thrown here affects only that delivery. */
  readonly accept: (delivery: Delivery, result: T) => Delivery;
  readonly retry: RetryPolicy;
  readonly telemetry: Telemetry;
  readonly readiness: ConditionSetter;
  readonly scheduler?: SchedulerLike;
}

/**
 * Calls a pipeline's hook for each delivery, and emits the delivery with its result. Synchronous answers cause no wait.
 *
 * A hook that rejects, throws or returns an invalid value fails only that delivery (`hook_failed`). A RetryableError or
 * a timeout is an outage: the service turns red, and the call is retried. Deliveries of one key keep their order.
 */
export function applyHook<T>(options: HookOptions<T>): OperatorFunction<Delivery, Delivery> {
  const { name, config, keyOf, call, accept, retry, telemetry, readiness, scheduler } = options;
  const part = `hooks.${name}`;
  /** Pending answers of asynchronous hooks, until their turn comes. */
  const answers = new WeakMap<Delivery, HookAnswer<T>>();
  /** Deliveries whose call is being retried. */
  let retrying = 0;

  const asked = (delivery: Delivery): HookAnswer<T> => {
    const answer = call(delivery);
    // The Promise is awaited in its turn; an earlier rejection must not count as unhandled.
    if (isPromise(answer)) answer.then(undefined, () => {});
    return answer;
  };
  const effect = (delivery: Delivery): Observable<Delivery> => {
    let isRetried = false;
    return defer(() => {
      const answer = answers.get(delivery) ?? asked(delivery);
      answers.delete(delivery);
      return isPromise(answer) ? from(answer) : of(answer);
    }).pipe(
      catchError((thrown: unknown) => throwError(() => hookError(name, thrown))),
      failAfter(config.timeoutMs, `the ${name}`, scheduler),
      retryWithBackoff<T | Drop>(retry, {
        onRetry: (error, attempt) => {
          if (!isRetried) retrying += 1;
          isRetried = true;
          readiness.set(part, 'failing', error.message);
          telemetry.event('hook.retried', { hook: name, attempt, error: error.message });
        },
        ...(scheduler === undefined ? {} : { scheduler }),
      }),
      concatMap((result) => {
        if (result !== drop) return of(accept(delivery, result));
        delivery.drop();
        return EMPTY;
      }),
      finalize(() => {
        if (!isRetried) return;
        retrying -= 1;
        if (retrying === 0) readiness.set(part, 'ok');
      }),
    );
  };
  const trySync = (delivery: Delivery): Delivery | undefined => {
    let answer: HookAnswer<T>;
    try {
      answer = asked(delivery);
    } catch (thrown) {
      const error = hookError(name, thrown);
      if (error instanceof PoisonError) throw error;
      // The effect waits, then calls again.
      answer = Promise.reject(error);
      answer.then(undefined, () => {});
    }
    if (!isPromise(answer) && answer !== drop) return accept(delivery, answer);
    answers.set(delivery, answer);
    return undefined;
  };
  return orderedByKey({ keyOf, limit: config.concurrency }, Object.assign(effect, { trySync }));
}
