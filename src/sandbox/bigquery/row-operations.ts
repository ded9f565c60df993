import type { DuckDBValue } from '@duckdb/node-api';
import { type Call, invalid, isObject, type Operations, pageOf, unsupported } from './api.ts';
import { type Catalog, runSql } from './catalog.ts';
import { mayHaveWideFractions } from './lossless-json.ts';
import { boundsRefusal, checkDecorator } from './partitioning.ts';
import { timestampsOf } from './query-parameters.ts';
import { hasFractions, LostDigits, RowProblem, readRow, wireRow } from './row-codec.ts';
import type { Table } from './table.ts';

/** See https://docs.cloud.google.com/bigquery/quotas#streaming_inserts. */
const MAX_ROWS = 50_000;
const MAX_INSERT_ID = 128;
const TABLE = '/projects/:project/datasets/:dataset/tables/:table';
const REQUEST_NAMES = ['kind', 'rows', 'skipInvalidRows', 'ignoreUnknownValues', 'templateSuffix', 'traceId'];
const ROW_NAMES = ['insertId', 'json'];

/** The methods of https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata. */
export const rowOperations = (catalog: Catalog): Operations => ({
  [`tabledata.insertAll POST ${TABLE}/insertAll`]: (call) => {
    const [id = '', ...partition] = call.table.split('$');
    const table = catalog.table({ ...call, table: id });
    const now = catalog.now();
    if (partition.length > 0) checkDecorator(partition.join('$'), table.name, table.partitioning, now);
    const insertLossless = () => insertAll(table, call.losslessBody(), now, true);
    if (table.fields.some(hasFractions) && mayHaveWideFractions(call.text)) return insertLossless();
    try {
      return insertAll(table, call.body, now, false);
    } catch (error) {
      if (error instanceof LostDigits) return insertLossless();
      throw error;
    }
  },
  [`tabledata.list GET ${TABLE}/data`]: async (call) => {
    const { fields, sqlName, rowCount } = catalog.table(call);
    const { from, to, token } = pageOf(rowCount, call.query);
    const sql = `SELECT * FROM ${sqlName} LIMIT ${to - from} OFFSET ${from}`;
    const inMicros = timestampsOf(call.query);
    const rows = (await runSql(catalog, sql)).map((row) => wireRow(fields, row, inMicros));
    return { kind: 'bigquery#tableDataList', totalRows: String(rowCount), pageToken: token, rows };
  },
});

function insertAll(table: Table, body: Call['body'], now: number, isLossless: boolean): unknown {
  const { rows, skipInvalidRows = false, ignoreUnknownValues = false, templateSuffix } = body;
  checkNames(body, REQUEST_NAMES, '');
  if (typeof skipInvalidRows !== 'boolean') throw invalid("Invalid value at 'skip_invalid_rows' (TYPE_BOOL)");
  if (typeof ignoreUnknownValues !== 'boolean') throw invalid("Invalid value at 'ignore_unknown_values' (TYPE_BOOL)");
  if (templateSuffix !== undefined) throw unsupported('templateSuffix');
  if (!Array.isArray(rows) || rows.length === 0) throw invalid('No rows present in the request.');
  const limit = `limit: ${MAX_ROWS} row count: ${rows.length}`;
  if (rows.length > MAX_ROWS) throw invalid(`too many rows present in the request, ${limit}.`);
  const hidden = table.hiddenColumns();
  const options = { ignoreUnknown: ignoreUnknownValues, isLossless, ...(hidden === undefined ? {} : { hidden }) };
  const problems = new Map<number, RowProblem>();
  const good: [id: unknown, values: DuckDBValue[]][] = [];
  rows.forEach((row: unknown, index) => {
    const { insertId, json } = insertRow(row, index);
    try {
      if (insertId !== undefined && insertId.length > MAX_INSERT_ID) {
        throw new RowProblem('', `The insertId has more than ${MAX_INSERT_ID} characters.`);
      }
      const values = readRow(table.fields, json, options);
      checkBounds(table, values, now);
      good.push([insertId, values]);
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error;
      problems.set(index, error);
    }
  });
  // One bad row stops all others, unless the request has skipInvalidRows.
  const isStopped = problems.size > 0 && !skipInvalidRows;
  if (!isStopped) table.append(table.insertIds.admit(good));
  const insertErrors = [...(isStopped ? rows : problems).keys()].map((index) => {
    const { location = '', message = '' } = problems.get(index) ?? {};
    const reason = problems.has(index) ? 'invalid' : 'stopped';
    return { index, errors: [{ reason, location, debugInfo: '', message }] };
  });
  return { kind: 'bigquery#tableDataInsertAllResponse', ...(insertErrors.length > 0 ? { insertErrors } : {}) };
}

function insertRow(row: unknown, index: number): { insertId: string | undefined; json: unknown } {
  const given = isObject(row) ? row : {};
  checkNames(given, ROW_NAMES, ` at 'rows[${index}]'`);
  const { insertId = undefined, json } = given;
  if (insertId !== undefined && insertId !== null && typeof insertId !== 'string') {
    throw invalid(`Invalid value at 'rows[${index}].insert_id' (TYPE_STRING), ${insertId}`);
  }
  return { insertId: insertId ?? undefined, json };
}

function checkNames(given: Record<string, unknown>, known: readonly string[], where: string): void {
  for (const name in given) {
    if (!known.includes(name)) {
      throw invalid(`Invalid JSON payload received. Unknown name "${name}"${where}: Cannot find field.`);
    }
  }
}

function checkBounds({ fields, name, partitioning }: Table, values: readonly DuckDBValue[], now: number): void {
  const column = partitioning?.field;
  if (column === undefined) return;
  const value = values[fields.findIndex((field) => field.name === column)] ?? null;
  const refusal = boundsRefusal(column, value, name, now);
  if (refusal !== undefined) throw new RowProblem(column, refusal);
}
