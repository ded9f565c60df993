import * as v from 'valibot';
import { errorCode, FatalError, PoisonError, RetryableError, toError } from '../../core/errors.ts';
import { errorReason } from './denied-check.ts';

/** gRPC status codes, https://grpc.io/docs/guides/status-codes/ */
const GRPC = {
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  UNAUTHENTICATED: 16,
} as const;

/**
 * Classifies an error of a running gRPC call (Pub/Sub, Firestore).
 *
 * INVALID_ARGUMENT and OUT_OF_RANGE are the message's fault: poison. Everything else is an outage, including NOT_FOUND
 * and PERMISSION_DENIED: a topic deleted while the service runs can be recreated, and the service stays red until then.
 * At start these two are fatal: see `asStartError`.
 */
export function asCallError(thrown: unknown): RetryableError | PoisonError {
  const error = toError(thrown);
  if (error instanceof PoisonError || error instanceof RetryableError) return error;
  const code = errorCode(thrown);
  if (code === GRPC.INVALID_ARGUMENT || code === GRPC.OUT_OF_RANGE) {
    return new PoisonError('rejected', error.message, { cause: error });
  }
  return new RetryableError(withHint(error.message, error), { cause: error, retryAfterMs: retryAfterOf(thrown) });
}

/** The way out for a topic, subscription, bucket or table that is missing. */
export const PROVISION_HINT = '"npm run cli -- provision <pipeline>" creates what is declared under resources';

/** The message of an error, with the way out if a topic or a subscription is missing. */
export function withHint(resource: string, error: Error): string {
  const isMissing = errorCode(error) === GRPC.NOT_FOUND && /(?:topics|subscriptions)\//.test(resource);
  return isMissing ? `${error.message}; ${PROVISION_HINT}` : error.message;
}

const REFUSES_RESOURCE: ReadonlySet<unknown> = new Set([
  GRPC.NOT_FOUND,
  GRPC.PERMISSION_DENIED,
  GRPC.FAILED_PRECONDITION,
]);

/**
 * True if a call failed since the server refuses the topic, subscription or document that it names: missing, forbidden, or
 * in a state that does not allow it. The server works, and calls for other resources may succeed.
 */
export function isResourceRefused(error: RetryableError): boolean {
  return REFUSES_RESOURCE.has(errorCode(error.cause));
}

const FATAL_AT_START: ReadonlySet<unknown> = new Set([
  GRPC.INVALID_ARGUMENT,
  GRPC.NOT_FOUND,
  GRPC.PERMISSION_DENIED,
  GRPC.UNIMPLEMENTED,
  GRPC.UNAUTHENTICATED,
]);

/**
 * Classifies an error of a gRPC call at start. One that the configuration can cause is fatal and names the setting; an
 * outage is retryable.
 */
export function asStartError(setting: string, value: string, thrown: unknown): FatalError | RetryableError {
  const error = toError(thrown);
  return FATAL_AT_START.has(errorCode(thrown))
    ? new FatalError(`${setting}: ${value}: ${withHint(value, error)}`, { cause: error })
    : new RetryableError(`${setting}: ${value}: ${error.message}`, {
        cause: error,
        retryAfterMs: retryAfterOf(thrown),
      });
}

/**
 * Classifies an error of a running HTTP call (BigQuery, Storage). 400 and 413 are the request's fault: poison, because
 * of one message or the request's size; table inserts examine a 400 more closely. Everything else is an outage: 401,
 * 403 (including `rateLimitExceeded` and `quotaExceeded`), 404, 408, 429, 5xx and network errors. `asCallError` gives
 * the reasons.
 */
export function asHttpError(thrown: unknown): RetryableError | PoisonError {
  const error = toError(thrown);
  if (error instanceof PoisonError || error instanceof RetryableError) return error;
  if (isAuthError(error))
    return new RetryableError(`google.keyFilename or credentials: ${error.message}`, { cause: error });
  const code = Number(errorCode(thrown));
  if (code === 413) return new PoisonError('too_large', error.message, { cause: error });
  if (code === 400) return new PoisonError('rejected', error.message, { cause: error });
  return new RetryableError(error.message, { cause: error, retryAfterMs: retryAfterOf(thrown) });
}

/** The token endpoint also returns 400 for a revoked key. That is an outage, not a message's fault. */
function isAuthError({ message }: Error): boolean {
  return /^(invalid_grant|invalid_client|unauthorized_client)\b/.test(message);
}

const FATAL_HTTP_AT_START: ReadonlySet<number> = new Set([400, 401, 403, 404]);
/** Temporary reasons of a 403: https://docs.cloud.google.com/bigquery/docs/error-messages */
const PASSES_WITH_TIME: ReadonlySet<unknown> = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'quotaExceeded']);

/**
 * Classifies an error of an HTTP call at start. One that the configuration can cause is fatal and names the setting.
 */
export function asHttpStartError(setting: string, value: string, thrown: unknown): FatalError | RetryableError {
  const error = toError(thrown);
  const message = `${setting}: ${value}: ${error.message}`;
  return FATAL_HTTP_AT_START.has(Number(errorCode(thrown))) && !PASSES_WITH_TIME.has(errorReason(thrown))
    ? new FatalError(message, { cause: error })
    : new RetryableError(message, { cause: error, retryAfterMs: retryAfterOf(thrown) });
}

/** Longer waits that a server requests are cut to this. */
const LONGEST_RETRY_AFTER_MS = 300_000;

/** An error of the HTTP clients. Some provide headers as a plain object, others as `Headers`. */
const httpError = v.object({ response: v.object({ headers: v.union([v.instance(Headers), v.looseObject({})]) }) });

/** A number, a string, or a Long of a protobuf library. */
const seconds = v.pipe(v.unknown(), v.transform(Number), v.finite());
/** The google.rpc.RetryInfo in the details of a gRPC error: https://google.aip.dev/193 */
const retryInfo = v.object({
  retryDelay: v.object({ seconds: v.optional(seconds, 0), nanos: v.optional(seconds, 0) }),
});
const grpcError = v.object({ statusDetails: v.array(v.unknown()) });

/**
 * Returns the wait that the server requests in a client's error, in milliseconds: HTTP's `Retry-After`, in seconds or
 * as a date, or gRPC's RetryInfo. At most five minutes.
 */
export function retryAfterOf(thrown: unknown, now = Date.now()): number | undefined {
  const ms = v.is(httpError, thrown) ? msOfHeader(headerOf(thrown.response.headers), now) : msOfDetails(thrown);
  return ms > 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : undefined;
}

function headerOf(headers: Headers | Record<string, unknown>): unknown {
  return headers instanceof Headers ? headers.get('retry-after') : headers['retry-after'];
}

/** Follows https://www.rfc-editor.org/rfc/rfc9110#name-retry-after; NaN for anything else. */
function msOfHeader(value: unknown, now: number): number {
  if (typeof value !== 'string' || value === '') return Number.NaN;
  const seconds = Number(value);
  return Number.isNaN(seconds) ? Date.parse(value) - now : seconds * 1_000;
}

function msOfDetails(thrown: unknown): number {
  if (!v.is(grpcError, thrown)) return Number.NaN;
  for (const detail of thrown.statusDetails) {
    const { success, output } = v.safeParse(retryInfo, detail);
    if (success) return output.retryDelay.seconds * 1_000 + output.retryDelay.nanos / 1e6;
  }
  return Number.NaN;
}
