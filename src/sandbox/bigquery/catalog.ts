import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { type Call, invalidQuery, notFound, unsupported } from './api.ts';
import type { Settings } from './settings.ts';
import type { Table } from './table.ts';

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

/** Runs a SELECT of DuckDB's over all inserted rows, on a connection of its own; the rows' values in the order of its columns. */
export async function runSql(catalog: Catalog, sql: string, values: DuckDBValue[] = []): Promise<DuckDBValue[][]> {
  for (const { tables } of catalog.datasets.values()) for (const table of tables.values()) table.flush();
  const connection = await catalog.instance.connect();
  try {
    const statement = await connection.prepare(sql);
    statement.bind(values);
    return await (await statement.run()).getRows();
  } catch (error) {
    throw apiError(error);
  } finally {
    connection.closeSync();
  }
}

/** Converts an error of DuckDB to a query's error: for a value, or for what it cannot do; its own failures stay unchanged. */
function apiError(error: unknown): unknown {
  if (!(error instanceof Error) || /^(INTERNAL|FATAL)/.test(error.message)) return error;
  const [message = ''] = error.message.split('\n');
  const ofValue = /^(?:Invalid Input|Out of Range|Conversion) Error: (.*)/.exec(message)?.[1];
  return ofValue === undefined ? unsupported(`A query that DuckDB cannot run (${message})`) : invalidQuery(ofValue);
}
