export const POISON_REASONS = [
  'undecodable',
  'unroutable',
  'too_large',
  'too_small',
  'rejected',
  'undelivered',
  'no_key',
  'no_data',
  'hook_failed',
  'internal',
] as const;

/**
 * The reason why a delivery cannot be processed, a label from a bounded set: `undecodable`, `too_large`, `rejected` …
 */
export type PoisonReason = (typeof POISON_REASONS)[number];

/**
 * An external failure: the same call may succeed later. Never the message's fault, and never counted as its attempt.
 */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
  /** The server's `Retry-After`: the earliest time to retry. Inherited from the cause. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { retryAfterMs, ...options }: RetryableErrorOptions = {}) {
    super(message, options);
    const { cause } = options;
    this.retryAfterMs = retryAfterMs ?? (cause instanceof RetryableError ? cause.retryAfterMs : undefined);
  }
}

export interface RetryableErrorOptions extends ErrorOptions {
  readonly retryAfterMs?: number | undefined;
}

/** A message that cannot be processed, now or later. It goes to dead-letter with this reason. */
export class PoisonError extends Error {
  override readonly name = 'PoisonError';
  readonly reason: PoisonReason;

  constructor(reason: PoisonReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** A service that cannot run as configured. The message names the setting. Ends the process. */
export class FatalError extends Error {
  override readonly name = 'FatalError';
}

/**
 * Converts a thrown value to an Error. Never throws, although some values have no string form, such as
 * `Object.create(null)`.
 */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  try {
    return new Error(String(thrown), { cause: thrown });
  } catch {
    return new Error(`a value of type ${typeof thrown} without a string form was thrown`, { cause: thrown });
  }
}

/** Returns the code of a client's error, if it has one: a gRPC number, an HTTP number or a system error name. */
export function errorCode(thrown: unknown): string | number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' || typeof thrown.code === 'number' ? thrown.code : undefined;
}

/**
 * Converts an error thrown while processing one message. Outages stay retryable; anything else is the message's fault.
 */
export function asMessageError(thrown: unknown, reason: PoisonReason): PoisonError | RetryableError {
  if (thrown instanceof PoisonError || thrown instanceof RetryableError) return thrown;
  return new PoisonError(reason, toError(thrown).message, { cause: thrown });
}
