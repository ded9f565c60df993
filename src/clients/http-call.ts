import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { ClientRequest } from 'node:http';
import { asyncScheduler, firstValueFrom, Observable, type SchedulerLike, throwError, timeout } from 'rxjs';
import { RetryableError } from '../core/errors.ts';

export interface HttpCallOptions {
  /** Names the call in the error, for example `insertAll`. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly scheduler?: SchedulerLike;
}

/** As long as calls of gRPC at start may take. */
const ANSWER_WITHIN_MS = 10_000;

/** The requests of one call that have not ended. */
type Requests = Set<ClientRequest>;

/** The call that the running code belongs to. */
const currentCall = new AsyncLocalStorage<Requests>();

/** https://nodejs.org/api/diagnostics_channel.html#http */
subscribe('http.client.request.created', (message) => {
  const requests = currentCall.getStore();
  if (requests === undefined) return;
  const request = requestOf(message);
  if (request === undefined) return;
  requests.add(request);
  request.once('close', () => requests.delete(request));
});

/**
 * Makes a call of a Google HTTP client and emits its result. After `timeoutMs`, and when unsubscribed, the call's requests
 * are ended and their sockets closed; the next call gets another socket. Fails with a RetryableError after `timeoutMs`.
 *
 * The clients themselves have no way to end a call: they take a `timeout` and do nothing with it (teeny-request 11 hands
 * it to a fetch that does not know it), and no signal. So the requests of a call, its retries and the fetching of a token
 * too, are found by the asynchronous context that they are made in.
 *
 *     callHttp(() => table.getMetadata(), { what: 'tables.get', timeoutMs: 10_000 })
 */
export function callHttp<T>(
  call: () => Promise<T>,
  { what, timeoutMs, scheduler = asyncScheduler }: HttpCallOptions,
): Observable<T> {
  return new Observable<T>((subscriber) => {
    const requests: Requests = new Set();
    currentCall.run(requests, call).then(
      (result) => {
        subscriber.next(result);
        subscriber.complete();
      },
      (thrown: unknown) => subscriber.error(thrown),
    );
    return () => {
      for (const request of requests) request.destroy();
    };
  }).pipe(
    timeout({
      each: timeoutMs,
      scheduler,
      with: () => throwError(() => new RetryableError(`${what}: no answer within ${timeoutMs} ms`)),
    }),
  );
}

/** The answer of a call that is small work for the server: see `callHttp`. */
export function answerOf<T>(what: string, call: () => Promise<T>, timeoutMs = ANSWER_WITHIN_MS): Promise<T> {
  return firstValueFrom(callHttp(call, { what, timeoutMs }));
}

function requestOf(message: unknown): ClientRequest | undefined {
  if (typeof message !== 'object' || message === null || !('request' in message)) return undefined;
  return message.request instanceof ClientRequest ? message.request : undefined;
}
