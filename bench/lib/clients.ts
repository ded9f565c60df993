import { BigQuery } from '@google-cloud/bigquery';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';

/*
 * Clients with their defaults, as the baselines use them, except for credentials. The bench has none, and a client that
 * searches for some reads files with each request. That must not be measured: in the cloud a client has credentials.
 * The clients of our services do not search either if they use an emulator.
 */

export function defaultBigQuery(projectId: string): BigQuery {
  return new BigQuery({ projectId, authClient: new PassThroughClient() });
}

export function defaultStorage(projectId: string): Storage {
  return new Storage({ projectId, authClient: new PassThroughClient() });
}
