import { Storage } from '@google-cloud/storage';
import { type StorageOptions, startStorage } from '../sandbox/storage/start-storage.ts';

/** The refusal of a call, as the official client reports it. */
export interface StorageFailure {
  readonly code: unknown;
  readonly message: string;
  readonly reason: unknown;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/**
 * Returns the refusal of a call that must fail: an ApiError, a GaxiosError from the start of a resumable upload, and from its
 * later requests a bare object.
 */
export async function storageFailure(call: Promise<unknown>): Promise<StorageFailure> {
  try {
    await call;
  } catch (error) {
    if (!isRecord(error)) throw error;
    const [first]: unknown[] = Array.isArray(error.errors) ? error.errors : [];
    return { code: error.code, message: String(error.message), reason: isRecord(first) ? first.reason : undefined };
  }
  throw new Error('the call should have failed');
}

/** Returns status and reason of a call that must fail. */
export async function refusalOf(call: Promise<unknown>): Promise<[code: unknown, reason: unknown]> {
  const { code, reason } = await storageFailure(call);
  return [code, reason];
}

/** Starts a server, and hands out official clients of it. */
export async function startTestStorage(options: StorageOptions = {}) {
  const server = await startStorage(options);
  const origin = `http://127.0.0.1:${server.port}`;
  return {
    origin,
    close: () => server.close(),
    /** A client each: one unconditional write leaves retries off on its instance. */
    client: (): Storage => {
      process.env.STORAGE_EMULATOR_HOST = origin;
      return new Storage({ projectId: 'contract', retryOptions: { autoRetry: false } });
    },
  };
}
