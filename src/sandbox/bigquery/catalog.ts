import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { type Call, invalidQuery, notFound, unsupported } from './api.ts';
import type { Settings } from './settings.ts';
import type { Table } from './table.ts';

export type Catalog = Awaited<ReturnType<typeof openCatalog>>;

/**
 * Opens a DuckDB in memory, in UTC, without access to files or the network. A project is an attached database, a
 * dataset a schema in it. `writer` makes all changes; queries use separate connections, so that a slow one does not
 * delay inserts.
 */
export async function openCatalog(now: () => number, settings: Settings) {
  // As in BigQuery, nulls sort as the smallest values.
  const configuration = { enable_external_access: 'false', default_null_order: 'nulls_first_on_asc_last_on_desc' };
  const instance = await DuckDBInstance.create(':memory:', configuration);
  const writer = await instance.connect();
  await writer.run(`SET GLOBAL TimeZone = 'UTC'`);
  /** By `project:dataset`: the resource as its owner set it, and the tables by id. */
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

/** Runs a DuckDB SELECT over all inserted rows on a separate connection. Returns the rows' values in column order. */
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

/**
 * Converts a DuckDB error about a value or an unsupported operation to a query error; internal failures stay unchanged.
 */
function apiError(error: unknown): unknown {
  if (!(error instanceof Error) || /^(INTERNAL|FATAL)/.test(error.message)) return error;
  const [message = ''] = error.message.split('\n');
  const ofValue = /^(?:Invalid Input|Out of Range|Conversion) Error: (.*)/.exec(message)?.[1];
  return ofValue === undefined ? unsupported(`A query that DuckDB cannot run (${message})`) : invalidQuery(ofValue);
}
