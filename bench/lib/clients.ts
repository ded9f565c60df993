import { BigQuery } from '@google-cloud/bigquery';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';

/*
 * Clients with their defaults, as the baselines use them, but for credentials. There are none here, and a client that may
 * look for some does so with each request, in files. In the cloud it has them, so that is not to be measured; the clients
 * of our services do not look for any either, where an emulator is used.
 */

export function defaultBigQuery(projectId: string): BigQuery {
  return new BigQuery({ projectId, authClient: new PassThroughClient() });
}

export function defaultStorage(projectId: string): Storage {
  return new Storage({ projectId, authClient: new PassThroughClient() });
}
