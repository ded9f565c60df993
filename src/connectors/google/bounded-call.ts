import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { ClientRequest } from 'node:http';
import { firstValueFrom, Observable, type SchedulerLike, throwError, timeout } from 'rxjs';
import { RetryableError } from '../../core/errors.ts';
import { monotonicScheduler } from '../../util/clock.ts';

export interface BoundedCallOptions {
  /** Names the call in the error, for example `insertAll`. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly scheduler?: SchedulerLike;
}

/** Equals the limit of Pub/Sub calls at start. */
const ANSWER_WITHIN_MS = 10_000;

/** One call. `ends` cancels its requests; canceling a finished one has no effect. */
interface Call {
  isOver: boolean;
  readonly ends: (() => void)[];
}

/** The call that the current asynchronous context belongs to. */
const currentCall = new AsyncLocalStorage<Call>();

/** https://nodejs.org/api/diagnostics_channel.html#http */
subscribe('http.client.request.created', (message) => {
  const request = requestOf(message);
  if (request !== undefined) endWithCall(() => request.destroy());
});

/**
 * Makes a call of a Google client and emits its result. Fails with a RetryableError after `timeoutMs`. On a timeout or
 * when unsubscribed, ends the requests of the call: HTTP closes their sockets, so that the next call gets a new one;
 * gRPC cancels them.
 *
 * The clients cannot end a call. The HTTP clients ignore their `timeout` (teeny-request 11 passes it to a fetch without
 * that option), Firestore's client retries for minutes, and none accepts a signal. So the requests of a call, including
 * retries and token requests, are found through their asynchronous context.
 *
 *     boundedCall(() => table.getMetadata(), { what: 'tables.get', timeoutMs: 10_000 })
 */
export function boundedCall<T>(
  call: () => Promise<T>,
  { what, timeoutMs, scheduler = monotonicScheduler }: BoundedCallOptions,
): Observable<T> {
  return new Observable<T>((subscriber) => {
    const current: Call = { isOver: false, ends: [] };
    currentCall.run(current, call).then(
      (result) => {
        subscriber.next(result);
        subscriber.complete();
      },
      (thrown: unknown) => subscriber.error(thrown),
    );
    return () => {
      current.isOver = true;
      // Runs in the call's context, so that retries are tracked too.
      currentCall.run(current, () => {
        for (const end of current.ends) end();
      });
    };
  }).pipe(
    timeout({
      each: timeoutMs,
      scheduler,
      with: () => throwError(() => new RetryableError(`${what}: no answer within ${timeoutMs} ms`)),
    }),
  );
}

/** Returns the result of a call that is little work for the server: see `boundedCall`. */
export function answerOf<T>(what: string, call: () => Promise<T>, timeoutMs = ANSWER_WITHIN_MS): Promise<T> {
  return firstValueFrom(boundedCall(call, { what, timeoutMs }));
}

/** Registers a request to end together with the current bounded call, if there is one. */
export function endWithCall(end: () => void): void {
  const current = currentCall.getStore();
  if (current?.isOver) setImmediate(end);
  else current?.ends.push(end);
}

function requestOf(message: unknown): ClientRequest | undefined {
  if (typeof message !== 'object' || message === null || !('request' in message)) return undefined;
  return message.request instanceof ClientRequest ? message.request : undefined;
}
