import type { BigQuery } from '@google-cloud/bigquery';
import * as v from 'valibot';
import { errorCode, PoisonError, RetryableError, toError } from '../../core/errors.ts';
import { asHttpError } from '../google/http-errors.ts';

/** The fields of an answer of `tabledata.insertAll` that are read. */
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

/** The result of one row: undefined is success. */
export type RowResult = PoisonError | RetryableError | undefined;

/** A row that BigQuery refused for what is in it, or for what the table lacks: the place says which column. */
export class RefusedRow extends PoisonError {
  /** The columns that BigQuery names, as paths: `position.lat`, `tags[0]`. */
  readonly columns: readonly string[];
  /** True if BigQuery reports that one of the columns does not exist. */
  readonly isUnknownColumn: boolean;

  constructor(message: string, columns: readonly string[], isUnknownColumn: boolean) {
    super('rejected', message);
    this.columns = columns;
    this.isUnknownColumn = isUnknownColumn;
  }
}

/** In a 400 for the whole request: a row in it is too large. */
const TOO_LARGE =
  /\b(row|request|payload)\b[^.]*(too large|larger than|size exceed)|maximum allowed (row|request) size/i;
/** In a 400 for the whole request: a row in it cannot be read. */
const UNREADABLE = /invalid JSON payload|message too deep|max recursion depth/i;
/** A request that has a member too many is refused with words like those for unreadable JSON. */
const REQUEST_AT_FAULT = /unknown name/i;
const UNKNOWN_COLUMN = /\bno such field: ([^;]+?)\.?$/i;
const MISSING_COLUMN = /\bmissing required field: (?:Msg_\d+_CLOUD_QUERY_TABLE\.)?([^;]+?)\.?$/i;

/**
 * Converts the refusal of a whole request. It is a row's fault only where one row can be: one that is too large, or
 * unreadable. Then the request is to be halved until that row stands alone. Any other 400 is a fault of the table or of
 * the request, which costs no message.
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

/** The column that an error is about: its location, or the one that its words name. */
function columnsOf({ location, message }: { readonly location: string; readonly message: string }): string[] {
  const named = UNKNOWN_COLUMN.exec(message)?.[1] ?? MISSING_COLUMN.exec(message)?.[1];
  const column = location === '' ? named : location;
  return column === undefined ? [] : [column];
}
