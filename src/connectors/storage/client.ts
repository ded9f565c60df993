import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';
import { isEmulated } from '../google/credentials.ts';
import type { GoogleConfig } from '../google/google-config.ts';

/**
 * Creates the client without its built-in retries: ours account for credit, readiness and shutdown. With
 * `STORAGE_EMULATOR_HOST` set, fetches no token even if credentials exist.
 */
export function createStorageClient(google: GoogleConfig): Storage {
  return new Storage({
    projectId: google.projectId,
    retryOptions: { autoRetry: false },
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
    ...(isEmulated('storage') ? { authClient: new PassThroughClient() } : {}),
  });
}
