import { errorCode, FatalError, PoisonError, RetryableError, toError } from '../../core/errors.ts';
import { errorReason } from './denied-check.ts';
import { retryAfterOf } from './retry-after.ts';

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

const FATAL_AT_START: ReadonlySet<number> = new Set([400, 401, 403, 404]);
/** Temporary reasons of a 403: https://docs.cloud.google.com/bigquery/docs/error-messages */
const PASSES_WITH_TIME: ReadonlySet<unknown> = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'quotaExceeded']);

/**
 * Classifies an error of an HTTP call at start. One that the configuration can cause is fatal and names the setting.
 */
export function asHttpStartError(setting: string, value: string, thrown: unknown): FatalError | RetryableError {
  const error = toError(thrown);
  const message = `${setting}: ${value}: ${error.message}`;
  return FATAL_AT_START.has(Number(errorCode(thrown))) && !PASSES_WITH_TIME.has(errorReason(thrown))
    ? new FatalError(message, { cause: error })
    : new RetryableError(message, { cause: error, retryAfterMs: retryAfterOf(thrown) });
}
