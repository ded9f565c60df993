import { DuckDBInstance, type DuckDBValue, StatementType } from '@duckdb/node-api';
import { ApiError, type Call, invalidQuery, notFound, unsupported } from './api.ts';
import { quoteName, resultField } from './schema.ts';
import type { Settings } from './settings.ts';
import type { Table } from './table.ts';
import { CREATE_TEXT_MACRO } from './translate-sql.ts';

export type Catalog = Awaited<ReturnType<typeof openCatalog>>;

/**
 * Opens a DuckDB in memory, in UTC, without files or network: a project is an attached database there, a dataset a
 * schema in it. `writer` makes all changes; queries have connections of their own, so that a slow one holds up no inserts.
 */
export async function openCatalog(now: () => number, settings: Settings) {
  // BigQuery: nulls are the smallest values.
  const configuration = { enable_external_access: 'false', default_null_order: 'nulls_first_on_asc_last_on_desc' };
  const instance = await DuckDBInstance.create(':memory:', configuration);
  const writer = await instance.connect();
  await writer.run(`SET GLOBAL TimeZone = 'UTC'`);
  await writer.run(CREATE_TEXT_MACRO);
  /** By `project:dataset`: the resource as its owner gave it, and the tables by id. */
  const datasets = new Map<string, { resource: Record<string, unknown>; tables: Map<string, Table> }>();
  const dataset = (project: string, id: string) => {
    const found = datasets.get(`${project}:${id}`);
    if (found === undefined) throw notFound(`Dataset ${project}:${id}`);
    return found;
  };
  const table = (call: Call) => {
    if (call.table.includes('$')) throw unsupported(`The partition decorator of ${call.table} in this call`);
    const found = dataset(call.project, call.dataset).tables.get(call.table);
    if (found === undefined) throw notFound(`Table ${call.project}:${call.dataset}.${call.table}`);
    return found;
  };
  const close = () => {
    writer.closeSync();
    instance.closeSync();
  };
  return { instance, writer, datasets, now, settings, dataset, table, close };
}

/** Runs a SELECT of DuckDB's over all inserted rows, on a connection of its own; `inside` a project and dataset. */
export async function runSql(catalog: Catalog, inside: readonly string[], sql: string, values: DuckDBValue[] = []) {
  for (const { tables } of catalog.datasets.values()) for (const table of tables.values()) table.flush();
  const connection = await catalog.instance.connect();
  try {
    await connection.run(`ATTACH IF NOT EXISTS ':memory:' AS ${quoteName(inside[0] ?? '')}`);
    await connection.run(`USE ${inside.map(quoteName).join('.')}`);
    const statement = await connection.prepare(sql);
    if (statement.statementType !== StatementType.SELECT) throw unsupported('A statement other than a query');
    statement.bind(values);
    const result = await statement.run();
    // DuckDB names an expression without an alias by its text.
    let unnamed = 0;
    const isName = (name: string) => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name);
    const names = result.columnNames().map((name) => (isName(name) ? name : `f${unnamed++}_`));
    if (new Set(names).size < names.length) throw invalidQuery('Duplicate column names in the result.');
    return { fields: names.map((name, at) => resultField(name, result.columnType(at))), rows: await result.getRows() };
  } catch (error) {
    throw apiError(error);
  } finally {
    connection.closeSync();
  }
}

/** What DuckDB threw, as the service says it; failures of its own stay as they are. */
function apiError(error: unknown): unknown {
  if (error instanceof ApiError || !(error instanceof Error) || /^(INTERNAL|FATAL)/.test(error.message)) return error;
  const [message = ''] = error.message.split('\n');
  const [, missing] = /(?:Table with name|schema named|Catalog) "?([^" ]+)"? (?:does|found)/.exec(message) ?? [];
  return missing === undefined ? invalidQuery(message) : notFound(`Table or dataset ${missing} in location US`);
}
