/** The refusal of a call to a JSON API of Google, as the official client reports it. */
export interface ApiFailure {
  readonly code: unknown;
  readonly message: string;
  readonly reason: unknown;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/**
 * Resolves with the refusal of a call that must fail: an ApiError, a GaxiosError, or the bare object that a resumable
 * upload rejects with.
 */
export async function apiFailure(call: Promise<unknown>): Promise<ApiFailure> {
  try {
    await call;
  } catch (error) {
    if (!isRecord(error)) throw error;
    const [first]: unknown[] = Array.isArray(error.errors) ? error.errors : [];
    return { code: error.code, message: String(error.message), reason: isRecord(first) ? first.reason : undefined };
  }
  throw new Error('the call should have failed');
}
