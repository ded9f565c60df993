import { BigQuery, type Dataset } from '@google-cloud/bigquery';
import { PassThroughClient } from 'google-auth-library';
import * as assert from 'uvu/assert';
import { startBigQuery } from '../sandbox/bigquery/start-bigquery.ts';
import { isRecord } from './api-failure.ts';

/** The `insertErrors` of a raw insert that must fail in part, unchanged. */
export async function insertErrorsOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    if (isRecord(error) && isRecord(error.response)) return error.response.insertErrors;
    throw error;
  }
  throw new Error('the insert should have failed in part');
}

/** Options of `table.insert`: rows with their insert ids, sent once. */
export const RAW = { raw: true, partialRetries: 0 };

/** The sandbox's BigQuery through the official client, and through plain HTTP. */
export async function startTestBigQuery(options: Parameters<typeof startBigQuery>[0] = {}) {
  const server = await startBigQuery(options);
  const origin = `http://127.0.0.1:${server.port}`;
  const bigquery = new BigQuery({
    projectId: 'my-project',
    apiEndpoint: origin,
    authClient: new PassThroughClient(),
  });
  let datasets = 0;
  const send = async (path: string, init: RequestInit = {}) => {
    const reply = await fetch(`${origin}/bigquery/v2/projects/my-project${path}`, init);
    const body: unknown = await reply.json();
    assert.ok(isRecord(body));
    return { status: reply.status, body, error: isRecord(body.error) ? body.error : {} };
  };
  return {
    origin,
    bigquery,
    post: (path: string, body: string) => send(path, { method: 'POST', body }),
    get: (path: string) => send(path),
    newDataset: async (): Promise<Dataset> => {
      datasets += 1;
      return (await bigquery.createDataset(`data_${datasets}`))[0];
    },
    close: () => server.close(),
  };
}

export type TestBigQuery = Awaited<ReturnType<typeof startTestBigQuery>>;
