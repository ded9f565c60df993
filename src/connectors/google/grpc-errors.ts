import { errorCode, FatalError, PoisonError, RetryableError, toError } from '../../core/errors.ts';
import { retryAfterOf } from './retry-after.ts';

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
  return new RetryableError(error.message, { cause: error, retryAfterMs: retryAfterOf(thrown) });
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
    ? new FatalError(`${setting}: ${value}: ${error.message}`, { cause: error })
    : new RetryableError(`${setting}: ${value}: ${error.message}`, {
        cause: error,
        retryAfterMs: retryAfterOf(thrown),
      });
}
