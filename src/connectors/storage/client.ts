import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';
import { isEmulated } from '../google/credentials.ts';
import type { GoogleConfig } from '../google/google-config.ts';

/**
 * Builds the client, without retries of its own: ours know about credit, readiness and shutdown. With
 * `STORAGE_EMULATOR_HOST` no token is fetched, even where credentials exist.
 */
export function createStorageClient(google: GoogleConfig): Storage {
  return new Storage({
    projectId: google.projectId,
    retryOptions: { autoRetry: false },
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
    ...(isEmulated('storage') ? { authClient: new PassThroughClient() } : {}),
  });
}
