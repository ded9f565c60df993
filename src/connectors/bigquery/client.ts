import { BigQuery } from '@google-cloud/bigquery';
import { PassThroughClient } from 'google-auth-library';
import { isEmulated } from '../google/credentials.ts';
import type { GoogleConfig } from '../google/google-config.ts';

/**
 * Builds the client, without retries of its own: ours know about credit, readiness and shutdown. With
 * `BIGQUERY_EMULATOR_HOST` no token is fetched, even where credentials exist.
 */
export function createBigQueryClient(google: GoogleConfig): BigQuery {
  return new BigQuery({
    projectId: google.projectId,
    autoRetry: false,
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
    ...(isEmulated('bigquery') ? { authClient: new PassThroughClient() } : {}),
  });
}
