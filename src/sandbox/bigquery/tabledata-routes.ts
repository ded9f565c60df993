import type { DuckDBValue } from '@duckdb/node-api';
import { invalid, unsupported } from './api-error.ts';
import type { Catalog } from './catalog.ts';
import { isObject } from './json.ts';
import { integerQuery } from './resource.ts';
import type { Call, Route } from './route.ts';
import { RowProblem } from './row-decoder.ts';
import type { Field } from './schema.ts';
import { type Table, tableName } from './table.ts';
import { tableReference } from './table-routes.ts';
import { wireRow } from './wire-row.ts';

const MAX_ROWS_PER_REQUEST = 50_000;
/** The service bounds a page by its bytes (10 MB); the sandbox by its rows. */
export const MAX_PAGE_ROWS = 10_000;
const ONE = '/projects/:project/datasets/:dataset/tables/:table';

interface InsertError {
  readonly index: number;
  readonly errors: readonly { reason: string; location: string; debugInfo: string; message: string }[];
}

/** The parameters `formatOptions.…` of a request that reads rows. */
export const wireFormat = (call: Call): { int64Timestamps: boolean } => ({
  int64Timestamps: call.query('formatOptions.useInt64Timestamp') === 'true',
});

/** The methods of https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata. */
export function tabledataRoutes(catalog: Catalog): Route[] {
  const insertAll = (call: Call) => {
    const table = catalog.table(tableReference(call));
    const { body } = call;
    const { rows } = body;
    if (body.templateSuffix !== undefined) throw unsupported('templateSuffix');
    if (!Array.isArray(rows) || rows.length === 0) throw invalid('No rows present in the request.');
    if (rows.length > MAX_ROWS_PER_REQUEST) {
      const limit = `limit: ${MAX_ROWS_PER_REQUEST} row count: ${rows.length}`;
      throw invalid(`too many rows present in the request, ${limit}.`);
    }
    if (table.fields.length === 0) throw invalid(`The destination table ${tableName(table.reference)} has no schema.`);
    const insertErrors = insertRows(table, rows, body.skipInvalidRows === true, body.ignoreUnknownValues === true);
    return { kind: 'bigquery#tableDataInsertAllResponse', ...(insertErrors.length > 0 ? { insertErrors } : {}) };
  };

  const list = async (call: Call) => {
    const table = catalog.table(tableReference(call));
    const fields = selectedFields(table, call.query('selectedFields'));
    const from = integerQuery(call, 'pageToken') ?? integerQuery(call, 'startIndex') ?? 0;
    const limit = Math.min(integerQuery(call, 'maxResults') ?? MAX_PAGE_ROWS, MAX_PAGE_ROWS);
    const totalRows = table.rowCount;
    const rows = fields.length === 0 ? [] : await table.page(fields, from, limit);
    const next = from + rows.length;
    return {
      kind: 'bigquery#tableDataList',
      totalRows: String(totalRows),
      ...(next < totalRows && rows.length > 0 ? { pageToken: String(next) } : {}),
      ...(rows.length > 0 ? { rows: rows.map((row) => wireRow(fields, row, wireFormat(call))) } : {}),
    };
  };

  return [
    { api: 'tabledata.insertAll', verb: 'POST', path: `${ONE}/insertAll`, handle: insertAll },
    { api: 'tabledata.list', verb: 'GET', path: `${ONE}/data`, handle: list },
  ];
}

/** Adds the good rows, or none of them when one is bad and `skipInvalid` is false. */
function insertRows(
  table: Table,
  rows: readonly unknown[],
  skipInvalid: boolean,
  ignoreUnknown: boolean,
): InsertError[] {
  const problems = new Map<number, RowProblem>();
  const good: { insertId: string | undefined; values: DuckDBValue[] }[] = [];
  rows.forEach((row, index) => {
    try {
      const { insertId, json } = isObject(row) ? row : {};
      good.push({
        insertId: typeof insertId === 'string' && insertId !== '' ? insertId : undefined,
        values: table.decode(json, ignoreUnknown),
      });
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error;
      problems.set(index, error);
    }
  });
  if (problems.size === 0 || skipInvalid) {
    table.append(
      good.flatMap(({ insertId, values }) => (insertId === undefined || table.insertIds.add(insertId) ? [values] : [])),
    );
    return [...problems].map(([index, problem]) => insertError(index, 'invalid', problem));
  }
  return rows.map((_, index) => {
    const problem = problems.get(index);
    return problem === undefined ? insertError(index, 'stopped') : insertError(index, 'invalid', problem);
  });
}

const insertError = (index: number, reason: string, problem?: RowProblem): InsertError => ({
  index,
  errors: [{ reason, location: problem?.location ?? '', debugInfo: '', message: problem?.message ?? '' }],
});

/** The columns that a comma-separated list names; all without one. */
function selectedFields({ fields, reference }: Table, list: string | undefined): readonly Field[] {
  if (list === undefined) return fields;
  const names = list.split(',').map((name) => name.trim().toLowerCase());
  const unknown = names.find((name) => !fields.some((field) => field.name.toLowerCase() === name));
  if (unknown !== undefined) throw invalid(`Invalid field mask: no field ${unknown} in ${tableName(reference)}`);
  return fields.filter(({ name }) => names.includes(name.toLowerCase()));
}
