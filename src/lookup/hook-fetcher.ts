import { catchError, defer, EMPTY, from, map, of, type SchedulerLike, tap, throwError } from 'rxjs';
import { RetryableError } from '../core/errors.ts';
import { hookError, isPromise, plainData } from '../core/hook-result.ts';
import type { HooksConfig } from '../operators/apply-hook.ts';
import { limitConcurrency } from '../operators/limit-concurrency.ts';
import { failAfter } from '../operators/retry.ts';
import type { Fetcher, LookupData, OnAnswer } from './fetcher.ts';

/** A hook as the last layer: returns the data of a key, or undefined if it has none. */
export type FetcherHook = (key: string) => LookupData | undefined | PromiseLike<LookupData | undefined>;

export interface HookFetcherOptions {
  readonly call: FetcherHook;
  readonly config: HooksConfig;
  readonly onAnswer: OnAnswer;
  /** Called after each call that was answered, or with the error of an outage. */
  readonly onResult: (error: Error | undefined) => void;
  readonly scheduler?: SchedulerLike;
}

/**
 * A pipeline's own last layer. A RetryableError or a timeout is an outage; any other error, or a result that is not a
 * plain object, fails the messages of that key (`hook_failed`). The result is copied as JSON, as a cache would.
 */
export function hookFetcher({ call, config, onAnswer, onResult, scheduler }: HookFetcherOptions): Fetcher {
  const limited = limitConcurrency(config.concurrency);
  const ask = (key: string) =>
    defer(() => {
      const answer = call(key);
      return isPromise(answer) ? from(answer) : of(answer);
    });
  return {
    fetch: (key) =>
      limited(
        ask(key).pipe(
          catchError((thrown: unknown) => throwError(() => hookError('fetcher', thrown))),
          failAfter(config.timeoutMs, 'the fetcher', scheduler),
          map((answer) => (answer === undefined ? undefined : plainData('fetcher', answer))),
          tap({
            next: (data) => {
              onResult(undefined);
              onAnswer({ layer: 'fetcher', key, found: data !== undefined });
            },
            error: (error) => onResult(error instanceof RetryableError ? error : undefined),
          }),
        ),
      ),
    invalidate: () => EMPTY,
    close: async () => {},
  };
}
