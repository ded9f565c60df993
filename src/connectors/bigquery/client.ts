import { BigQuery } from '@google-cloud/bigquery';
import { PassThroughClient } from 'google-auth-library';
import { isEmulated } from '../google/credentials.ts';
import type { GoogleConfig } from '../google/google-config.ts';

/**
 * Creates the client without its built-in retries: ours account for credit, readiness and shutdown. With
 * `BIGQUERY_EMULATOR_HOST` set, fetches no token even if credentials exist.
 */
export function createBigQueryClient(google: GoogleConfig): BigQuery {
  return new BigQuery({
    projectId: google.projectId,
    autoRetry: false,
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
    ...(isEmulated('bigquery') ? { authClient: new PassThroughClient() } : {}),
  });
}
