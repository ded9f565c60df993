import { Storage } from '@google-cloud/storage';
import { type StorageOptions, startStorage } from '../sandbox/storage/start-storage.ts';
import { apiFailure } from './api-failure.ts';

/** Returns status and reason of a call that must fail. */
export async function refusalOf(call: Promise<unknown>): Promise<[code: unknown, reason: unknown]> {
  const { code, reason } = await apiFailure(call);
  return [code, reason];
}

/** Starts a server, and creates official clients for it. */
export async function startTestStorage(options: StorageOptions = {}) {
  const server = await startStorage(options);
  const origin = `http://127.0.0.1:${server.port}`;
  return {
    origin,
    close: () => server.close(),
    /** One client each: one unconditional write disables retries on its instance. */
    client: (): Storage => {
      process.env.STORAGE_EMULATOR_HOST = origin;
      return new Storage({ projectId: 'contract', retryOptions: { autoRetry: false } });
    },
  };
}
