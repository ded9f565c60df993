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

/** Why a delivery cannot be processed, as a short label of a bounded set: `undecodable`, `too_large`, `rejected` … */
export type PoisonReason = (typeof POISON_REASONS)[number];

/** The outside world failed; the same call may succeed later. Never the message's fault, never counted as its attempt. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
  /** `Retry-After` of the server: the next try comes no earlier. Taken over from the cause. */
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

/** The message itself cannot be processed, now or later: it goes to dead-letter with this reason. */
export class PoisonError extends Error {
  override readonly name = 'PoisonError';
  readonly reason: PoisonReason;

  constructor(reason: PoisonReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** The service cannot run as it is configured; the message names the setting. Ends the process. */
export class FatalError extends Error {
  override readonly name = 'FatalError';
}

/** Returns whatever was thrown as an Error. Never throws: some values have no text, such as `Object.create(null)`. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  try {
    return new Error(String(thrown), { cause: thrown });
  } catch {
    return new Error(`a value of the type ${typeof thrown} was thrown, which has no text`, { cause: thrown });
  }
}

/** The code of a client's error (a gRPC number, an HTTP number, a system name), when it has one. */
export function errorCode(thrown: unknown): string | number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' || typeof thrown.code === 'number' ? thrown.code : undefined;
}

/** Converts what a function threw for one message: an outage stays one; anything else is the message's fault. */
export function asMessageError(thrown: unknown, reason: PoisonReason): PoisonError | RetryableError {
  if (thrown instanceof PoisonError || thrown instanceof RetryableError) return thrown;
  return new PoisonError(reason, toError(thrown).message, { cause: thrown });
}
