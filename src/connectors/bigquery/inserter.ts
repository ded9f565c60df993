import type { BigQuery } from '@google-cloud/bigquery';
import * as v from 'valibot';
import { errorCode, PoisonError, RetryableError, toError } from '../../core/errors.ts';
import { asHttpError } from '../google/errors.ts';

/** The part of a `tabledata.insertAll` response that is read. */
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

/** Error reasons that blame the row itself. All other reasons are temporary. */
const ROWS_OWN_FAULT: ReadonlySet<string> = new Set(['invalid', 'invalidQuery', 'badRequest']);

/** The result of one row; undefined means success. */
export type RowResult = PoisonError | RetryableError | undefined;

/** A row that BigQuery refused because of its content or a missing column. The error location names the column. */
export class RefusedRow extends PoisonError {
  /** Columns that BigQuery names, as paths: `position.lat`, `tags[0]`. */
  readonly columns: readonly string[];
  /** True if BigQuery reports that one of these columns does not exist. */
  readonly isUnknownColumn: boolean;

  constructor(message: string, columns: readonly string[], isUnknownColumn: boolean) {
    super('rejected', message);
    this.columns = columns;
    this.isUnknownColumn = isUnknownColumn;
  }
}

/** Matches a 400 for the whole request because one row is too large. */
const TOO_LARGE =
  /\b(row|request|payload)\b[^.]*(too large|larger than|size exceed)|maximum allowed (row|request) size/i;
/** Matches a 400 for the whole request because one row cannot be parsed. */
const UNREADABLE = /invalid JSON payload|message too deep|max recursion depth/i;
/** An unknown member of the request itself is refused in words similar to those for unreadable JSON. */
const REQUEST_AT_FAULT = /unknown name/i;
const UNKNOWN_COLUMN = /\bno such field: ([^;]+?)\.?$/i;
const MISSING_COLUMN = /\bmissing required field: (?:Msg_\d+_CLOUD_QUERY_TABLE\.)?([^;]+?)\.?$/i;

/**
 * Converts the refusal of a whole request. A row is at fault only if it is too large or unreadable: the caller then
 * halves the request until that row is alone. Any other 400 blames the table or the request and is retryable.
 */
export function asInsertError(thrown: unknown, target: string): RetryableError | PoisonError {
  const error = asHttpError(thrown);
  if (!(error instanceof PoisonError) || Number(errorCode(thrown)) !== 400) return error;
  const { message } = toError(thrown);
  if (TOO_LARGE.test(message)) return new PoisonError('too_large', message, { cause: thrown });
  if (UNREADABLE.test(message) && !REQUEST_AT_FAULT.test(message)) return error;
  return new RetryableError(
    `${message} (400 for the whole request, so no row is at fault: check that ${target} is a table with the columns of table.schema)`,
    { cause: thrown },
  );
}

/**
 * Sends one `tabledata.insertAll` request and returns the result of each row, in order.
 *
 * Bypasses the client's `table.insert`, which deep-copies every row, rewrites `{{projectId}}` in the data, and resends
 * refused rows immediately under new insert ids. `table.request` is public and does none of this.
 *
 * @param rows each as JSON text: `{"insertId":…,"json":{…}}`. With `skipInvalidRows`, BigQuery inserts the valid rows
 *   even if it refuses others.
 * @throws RetryableError or PoisonError if the whole request failed.
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
    throw asInsertError(thrown, `${datasetId}.${tableId}`);
  }
  const results: RowResult[] = rows.map(() => undefined);
  for (const { index, errors } of reply.insertErrors) {
    const reasons = errors.map(({ reason, location, message }) => `${reason}: ${location}: ${message}`).join('; ');
    const own = errors.some(({ reason }) => ROWS_OWN_FAULT.has(reason));
    results[index] = own
      ? new RefusedRow(
          reasons,
          errors.flatMap(columnsOf),
          errors.some(({ message }) => UNKNOWN_COLUMN.test(message)),
        )
      : new RetryableError(reasons);
  }
  return results;
}

/** Returns the column of an error: its location, or the column that its message names. */
function columnsOf({ location, message }: { readonly location: string; readonly message: string }): string[] {
  const named = UNKNOWN_COLUMN.exec(message)?.[1] ?? MISSING_COLUMN.exec(message)?.[1];
  const column = location === '' ? named : location;
  return column === undefined ? [] : [column];
}
