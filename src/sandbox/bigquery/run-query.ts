import type { DuckDBResult, DuckDBValue } from '@duckdb/node-api';
import { ApiError, invalid, invalidQuery, notFound, unsupported } from './api-error.ts';
import type { Catalog } from './catalog.ts';
import type { Database } from './database.ts';
import { isObject, objectAt, stringAt } from './json.ts';
import { queryError } from './query-error.ts';
import { resultFields } from './result-field.ts';
import type { Field } from './schema.ts';
import { parameterLiteral } from './sql-literal.ts';
import { type SqlNames, translateSql } from './translate-sql.ts';

export interface QueryResult {
  readonly fields: readonly Field[];
  readonly rows: readonly DuckDBValue[][];
}

const MAX_RESULT_ROWS = 1_000_000;
const NOT_SUPPORTED = ['destinationTable', 'tableDefinitions', 'userDefinedFunctionResources', 'createSession'];

/**
 * Runs a query as jobs.query and jobs.insert describe it: query, queryParameters, defaultDataset, useLegacySql. With
 * `dryRun` only the columns are found out. Throws an ApiError.
 */
export async function runQuery(
  { database, catalog }: { database: Database; catalog: Catalog },
  projectId: string,
  request: Record<string, unknown>,
  dryRun: boolean,
): Promise<QueryResult> {
  const query = stringAt(request, 'query');
  if (query === undefined) throw invalid('Required parameter is missing: query');
  // The service's default is legacy SQL; the client always says which.
  if (request.useLegacySql !== false) throw unsupported('Legacy SQL (useLegacySql must be false)');
  const option = NOT_SUPPORTED.find((key) => request[key] !== undefined && request[key] !== false);
  if (option !== undefined) throw unsupported(option);
  const names = { table: tableResolver(catalog, projectId, request), parameter: parameterResolver(request) };
  try {
    const sql = translateSql(query, names);
    return await database.query(dryRun ? `SELECT * FROM (${sql}) LIMIT 0` : sql, readResult);
  } catch (error) {
    throw queryError(error);
  }
}

async function readResult(result: DuckDBResult): Promise<QueryResult> {
  const fields = resultFields(result.columnNames(), result.columnTypes());
  const names = fields.map(({ name }) => name.toLowerCase());
  const twice = fields.find(({ name }, at) => names.indexOf(name.toLowerCase()) !== at);
  if (twice !== undefined) {
    throw invalidQuery(`Duplicate column names in the result are not supported. Found duplicate(s): ${twice.name}`);
  }
  const rows: DuckDBValue[][] = [];
  for await (const chunk of result.yieldRows()) {
    for (const row of chunk) rows.push(row);
    if (rows.length > MAX_RESULT_ROWS) {
      const message =
        'Response too large to return. Consider specifying a destination table in your job configuration.';
      throw new ApiError(403, 'responseTooLarge', 'PERMISSION_DENIED', message);
    }
  }
  return { fields, rows };
}

function tableResolver(catalog: Catalog, projectId: string, request: Record<string, unknown>): SqlNames['table'] {
  const byDefault = objectAt(request, 'defaultDataset');
  return (path) => {
    const [tableId = '', datasetId = stringAt(byDefault, 'datasetId'), project] = path.toReversed();
    if (datasetId === undefined) {
      throw invalid(`Table "${tableId}" must be qualified with a dataset (e.g. dataset.table).`);
    }
    if (path.length > 3 || /INFORMATION_SCHEMA/i.test(datasetId)) throw unsupported(`The table ${path.join('.')}`);
    if (tableId.endsWith('*')) throw unsupported('A wildcard table');
    const fallback = path.length === 1 ? (stringAt(byDefault, 'projectId') ?? projectId) : projectId;
    try {
      return catalog.table({ projectId: project ?? fallback, datasetId, tableId }).forQuery();
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 404) throw error;
      throw notFound(`${error.message.replace('Not found: ', '')} was not found in location US`);
    }
  };
}

function parameterResolver({ queryParameters }: Record<string, unknown>): SqlNames['parameter'] {
  const all = Array.isArray(queryParameters) ? queryParameters.filter(isObject) : [];
  return (name) => {
    const wanted = typeof name === 'string' ? name.toLowerCase() : undefined;
    const found =
      typeof name === 'number' ? all[name] : all.find((one) => String(one.name ?? '').toLowerCase() === wanted);
    if (found === undefined) {
      throw invalidQuery(
        typeof name === 'number'
          ? `Query parameter number ${name + 1} not found`
          : `Query parameter '${name}' not found`,
      );
    }
    return parameterLiteral(objectAt(found, 'parameterType'), objectAt(found, 'parameterValue'));
  };
}
