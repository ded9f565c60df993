import type { BigQuery } from '@google-cloud/bigquery';
import * as v from 'valibot';
import { asHttpError } from '../../clients/http-errors.ts';
import { PoisonError, RetryableError } from '../../core/errors.ts';

/** What `tabledata.insertAll` answers, as far as it is read. */
const insertReply = v.object({
  insertErrors: v.optional(
    v.array(
      v.object({
        index: v.number(),
        errors: v.array(
          v.object({
            reason: v.optional(v.string(), ''),
            message: v.optional(v.string(), ''),
            location: v.optional(v.string(), ''),
          }),
        ),
      }),
    ),
    [],
  ),
});

/** Reasons of a row's error that are the row's own fault; every other one passes with time. */
const ROWS_OWN_FAULT: ReadonlySet<string> = new Set(['invalid', 'invalidQuery', 'badRequest']);

/** What became of one row: undefined is success. */
export type RowResult = PoisonError | RetryableError | undefined;

/**
 * Sends one `tabledata.insertAll` and tells what became of each row, in their order.
 *
 * The client's own `table.insert` is not used: it copies every row deeply, rewrites `{{projectId}}` in the data, and at
 * once sends refused rows again, under new insert ids. `table.request` is public and does none of it.
 *
 * @param rows each as JSON text: `{"insertId":…,"json":{…}}`. With `skipInvalidRows`, valid rows are inserted although
 *   others are refused.
 * @throws RetryableError or PoisonError if the request as a whole failed.
 */
export async function insertRows(
  bigquery: BigQuery,
  datasetId: string,
  tableId: string,
  rows: readonly string[],
): Promise<readonly RowResult[]> {
  const table = bigquery.dataset(datasetId).table(tableId);
  let reply: v.InferOutput<typeof insertReply>;
  try {
    const [body] = await table.request({
      method: 'POST',
      uri: '/insertAll',
      headers: { 'Content-Type': 'application/json' },
      body: Buffer.from(
        `{"kind":"bigquery#tableDataInsertAllRequest","skipInvalidRows":true,"rows":[${rows.join(',')}]}`,
      ),
    });
    reply = v.parse(insertReply, body);
  } catch (thrown) {
    throw asHttpError(thrown);
  }
  const results: RowResult[] = rows.map(() => undefined);
  for (const { index, errors } of reply.insertErrors) {
    const reasons = errors.map(({ reason, location, message }) => `${reason}: ${location}: ${message}`).join('; ');
    const own = errors.some(({ reason }) => ROWS_OWN_FAULT.has(reason));
    results[index] = own ? new PoisonError('rejected', reasons) : new RetryableError(reasons);
  }
  return results;
}
