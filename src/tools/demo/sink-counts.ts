import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { catchError, firstValueFrom, throwError } from 'rxjs';
import { createBigQueryClient } from '../../connectors/bigquery/client.ts';
import { boundedCall } from '../../connectors/google/bounded-call.ts';
import { asHttpError } from '../../connectors/google/errors.ts';
import { createStorageClient } from '../../connectors/storage/client.ts';
import { retryWithBackoff } from '../../operators/retry.ts';
import type { RunResources } from './run-resources.ts';

const decompress = promisify(gunzip);
const DOWNLOADS_AT_ONCE = 8;
const RETRY = { initialDelayMs: 100, maxDelayMs: 2_000, giveUpAfterMs: 30_000 };

/** Retries here, because our clients do not: a broken connection must not spoil a count. */
function retryFor<T>(call: () => Promise<T>): Promise<T> {
  const attempt = boundedCall(call, { what: 'counting', timeoutMs: 60_000 });
  const judged = attempt.pipe(catchError((thrown: unknown) => throwError(() => asHttpError(thrown))));
  return firstValueFrom(judged.pipe(retryWithBackoff(RETRY)));
}

/** The contents of a sink: number of entries, and of distinct message ids. */
export interface SinkCount {
  readonly entries: number;
  readonly distinctIds: number;
}

/** Counts the rows with a BigQuery query. */
export async function countRows({ projectId, dataset, table }: RunResources): Promise<SinkCount> {
  const bigquery = createBigQueryClient({ projectId });
  const query = `SELECT COUNT(*) AS entries, COUNT(DISTINCT message_id) AS ids FROM \`${projectId}.${dataset}.${table}\``;
  const [rows] = await retryFor(() => bigquery.query({ query }));
  const row: { entries?: unknown; ids?: unknown } = rows[0] ?? {};
  return { entries: Number(row.entries), distinctIds: Number(row.ids) };
}

/** Counts the lines in Cloud Storage by reading every object. */
export async function countLines({ projectId, bucket }: RunResources): Promise<SinkCount> {
  const storage = createStorageClient({ projectId });
  const [files] = await retryFor(() => storage.bucket(bucket).getFiles());
  const ids = new Set<string>();
  let entries = 0;
  const queue = [...files];
  const worker = async (): Promise<void> => {
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      const [content] = await retryFor(() => file.download());
      const lines = (await decompress(content)).toString('utf8').split('\n');
      for (const line of lines) {
        if (line === '') continue;
        entries += 1;
        const parsed: { id?: unknown } = JSON.parse(line);
        ids.add(String(parsed.id));
      }
    }
  };
  await Promise.all(Array.from({ length: DOWNLOADS_AT_ONCE }, worker));
  return { entries, distinctIds: ids.size };
}
