import type { DuckDBValue } from '@duckdb/node-api';
import { invalid, isObject, type Operations, pageOf, unsupported } from './api.ts';
import { type Catalog, runSql } from './catalog.ts';
import { RowProblem, readRow, wireRow } from './row-codec.ts';

const MAX_ROWS = 50_000;
const TABLE = '/projects/:project/datasets/:dataset/tables/:table';

/** The methods of https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata. */
export const rowOperations = (catalog: Catalog): Operations => ({
  [`tabledata.insertAll POST ${TABLE}/insertAll`]: (call) => {
    const table = catalog.table(call);
    const { rows, skipInvalidRows, ignoreUnknownValues, templateSuffix } = call.body;
    if (templateSuffix !== undefined) throw unsupported('templateSuffix');
    if (!Array.isArray(rows) || rows.length === 0) throw invalid('No rows present in the request.');
    const limit = `limit: ${MAX_ROWS} row count: ${rows.length}`;
    if (rows.length > MAX_ROWS) throw invalid(`too many rows present in the request, ${limit}.`);
    const problems = new Map<number, RowProblem>();
    const good: [id: unknown, values: DuckDBValue[]][] = [];
    rows.forEach((row: unknown, index) => {
      const { insertId, json } = isObject(row) ? row : {};
      try {
        good.push([insertId, readRow(table.fields, json, ignoreUnknownValues === true)]);
      } catch (error) {
        if (!(error instanceof RowProblem)) throw error;
        problems.set(index, error);
      }
    });
    // One bad row stops all others, unless the request has skipInvalidRows.
    const isStopped = problems.size > 0 && skipInvalidRows !== true;
    const isNew = (id: unknown) => typeof id !== 'string' || id === '' || table.isNewId(id);
    if (!isStopped) table.append(good.flatMap(([id, values]) => (isNew(id) ? [values] : [])));
    const insertErrors = [...(isStopped ? rows : problems).keys()].map((index) => {
      const { location = '', message = '' } = problems.get(index) ?? {};
      const reason = problems.has(index) ? 'invalid' : 'stopped';
      return { index, errors: [{ reason, location, debugInfo: '', message }] };
    });
    return { kind: 'bigquery#tableDataInsertAllResponse', ...(insertErrors.length > 0 ? { insertErrors } : {}) };
  },
  [`tabledata.list GET ${TABLE}/data`]: async (call) => {
    if (call.query.selectedFields !== undefined) throw unsupported('selectedFields');
    const { fields, sqlName, rowCount } = catalog.table(call);
    const { from, to, token } = pageOf(rowCount, call.query);
    const sql = `SELECT * FROM ${sqlName} LIMIT ${to - from} OFFSET ${from}`;
    const int64Timestamps = call.query['formatOptions.useInt64Timestamp'] === 'true';
    const result = await runSql(catalog, ['memory', 'main'], sql);
    const rows = result.rows.map((row) => wireRow(fields, row, int64Timestamps));
    return { kind: 'bigquery#tableDataList', totalRows: String(rowCount), pageToken: token, rows };
  },
});
