import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { ClientRequest } from 'node:http';
import { firstValueFrom, Observable, type SchedulerLike, throwError, timeout } from 'rxjs';
import { RetryableError } from '../../core/errors.ts';
import { monotonicScheduler } from '../../util/monotonic-scheduler.ts';

export interface BoundedCallOptions {
  /** Names the call in the error, for example `insertAll`. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly scheduler?: SchedulerLike;
}

/** As long as calls of Pub/Sub at start may take. */
const ANSWER_WITHIN_MS = 10_000;

/** One call. Ending a request of it that has ended already does nothing. */
interface Call {
  isOver: boolean;
  readonly ends: (() => void)[];
}

/** The call that the running code belongs to. */
const currentCall = new AsyncLocalStorage<Call>();

/** https://nodejs.org/api/diagnostics_channel.html#http */
subscribe('http.client.request.created', (message) => {
  const request = requestOf(message);
  if (request !== undefined) endWithCall(() => request.destroy());
});

/**
 * Makes a call of a Google client and emits its result. After `timeoutMs`, and when unsubscribed, the requests of the call
 * are ended: HTTP closes their sockets, so that the next call gets another one; gRPC cancels them. Fails with a
 * RetryableError after `timeoutMs`.
 *
 * The clients themselves have no way to end a call: those of HTTP take a `timeout` and do nothing with it (teeny-request 11
 * hands it to a fetch that does not know it), Firestore's retries for minutes, and none takes a signal. So the requests of a
 * call, its retries and the fetching of a token too, are found by the asynchronous context that they are made in.
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
      // In its context, so that a retry is known as the call's too.
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

/** The answer of a call that is small work for the server: see `boundedCall`. */
export function answerOf<T>(what: string, call: () => Promise<T>, timeoutMs = ANSWER_WITHIN_MS): Promise<T> {
  return firstValueFrom(boundedCall(call, { what, timeoutMs }));
}

/** Ends a request that is about to begin with the call that it belongs to, if that is a bounded one. */
export function endWithCall(end: () => void): void {
  const current = currentCall.getStore();
  if (current?.isOver) setImmediate(end);
  else current?.ends.push(end);
}

function requestOf(message: unknown): ClientRequest | undefined {
  if (typeof message !== 'object' || message === null || !('request' in message)) return undefined;
  return message.request instanceof ClientRequest ? message.request : undefined;
}
