import { randomUUID } from 'node:crypto';
import type { DuckDBValue } from '@duckdb/node-api';
import * as api from './api.ts';
import { type Catalog, runSql } from './catalog.ts';
import { int64Timestamps, timestampsOf } from './query-parameters.ts';
import { wireRow } from './row-codec.ts';
import { scalarType } from './scalar-types.ts';
import { compileQuery } from './sql/compile-query.ts';
import { type Typed, type } from './sql/types.ts';

type Job = Awaited<ReturnType<typeof runQuery>> & { readonly resource: Record<string, unknown> };

/** The service keeps results for a day, the sandbox those of the last jobs. */
const MAX_JOBS = 100;

function resultPage({ fields, rows, resource }: Job, request: Record<string, unknown>, inMicros: boolean) {
  const { from, to, token } = api.pageOf(rows.length, request);
  const page = rows.slice(from, to).map((row) => wireRow(fields, row, inMicros));
  const about = { jobReference: resource.jobReference, jobComplete: true, schema: { fields } };
  return { ...about, totalRows: String(rows.length), pageToken: token, rows: page };
}

/** The methods of https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs. A job is done when it is answered. */
export function jobOperations(catalog: Catalog): api.Operations {
  const jobs = new Map<string, Job>();

  const run = async (projectId: string, query: api.Call['body'], jobId: unknown = randomUUID()): Promise<Job> => {
    const id = `${projectId}:US.${jobId}`;
    if (jobs.has(id)) throw api.alreadyExists(`Job ${id}`);
    const startTime = String(catalog.now());
    const result = await runQuery(catalog, projectId, query);
    const jobReference = { projectId, jobId, location: 'US' };
    const statistics = { creationTime: startTime, startTime, endTime: String(catalog.now()) };
    const configuration = { jobType: 'QUERY', query: queryConfigurationOf(query) };
    const resource = { id, jobReference, configuration, statistics, status: { state: 'DONE' } };
    const job = { ...result, resource };
    jobs.set(id, job);
    const [oldest = ''] = jobs.keys();
    if (jobs.size > MAX_JOBS) jobs.delete(oldest);
    return job;
  };
  const find = ({ project, job }: api.Call): Job => {
    const found = jobs.get(`${project}:US.${job}`);
    if (found === undefined) throw api.notFound(`Job ${project}:${job}`);
    return found;
  };

  return {
    'jobs.query POST /projects/:project/queries': async ({ project, body }) =>
      resultPage(await run(project, body), body, timestampFormat(api.objectAt(body, 'formatOptions'))),
    'jobs.getQueryResults GET /projects/:project/queries/:job': (call) =>
      resultPage(find(call), call.query, timestampsOf(call.query)),
    'jobs.insert POST /projects/:project/jobs': async ({ project, body }) => {
      const { query, dryRun, ...other } = api.objectAt(body, 'configuration');
      const [kind] = ['load', 'copy', 'extract'].filter((key) => other[key] !== undefined);
      if (kind !== undefined) throw api.notImplemented(`A ${kind} job`);
      const request = { ...api.objectAt({ query }, 'query'), dryRun };
      return (await run(project, request, api.objectAt(body, 'jobReference').jobId)).resource;
    },
    'jobs.get GET /projects/:project/jobs/:job': (call) => find(call).resource,
  };
}

/** The query in a job's resource. Google's Go client reads rows only of a job that includes it. */
const queryConfigurationOf = ({
  query,
  queryParameters,
  parameterMode,
  useLegacySql,
  defaultDataset,
}: api.Call['body']) => ({
  query,
  queryParameters,
  parameterMode,
  useLegacySql,
  defaultDataset,
});

const timestampFormat = ({ useInt64Timestamp, timestampOutputFormat }: Record<string, unknown>): boolean =>
  int64Timestamps(useInt64Timestamp === true, timestampOutputFormat);

/** Runs the query of a QueryRequest or JobConfigurationQuery; throws an ApiError. */
async function runQuery(catalog: Catalog, project: string, request: Record<string, unknown>) {
  const { query, queryParameters, useLegacySql, dryRun = false, destinationTable } = request;
  const { createSession = false, connectionProperties = [] } = request;
  if (typeof query !== 'string') throw api.invalid('Required parameter is missing: query');
  // The service defaults to legacy SQL; the client always sets the dialect.
  const isPlain = useLegacySql === false && dryRun === false && destinationTable === undefined;
  if (!isPlain) throw api.unsupported('Legacy SQL (useLegacySql must be false), dryRun or destinationTable');
  if (createSession !== false || !Array.isArray(connectionProperties) || connectionProperties.length > 0) {
    throw api.unsupported('createSession or connectionProperties');
  }
  const values: DuckDBValue[] = [];
  const { sql, fields } = compileQuery(query, {
    nowMs: catalog.now(),
    table: tableReader(catalog, project, api.objectAt(request, 'defaultDataset')),
    parameter: parameterReader(queryParameters, values),
  });
  return { fields, rows: await runSql(catalog, sql, values) };
}

/** Finds a table by a name whose first parts may come from the request. */
function tableReader(catalog: Catalog, project: string, { projectId = project, datasetId }: Record<string, unknown>) {
  return (path: readonly string[]) => {
    const [table = '', dataset = datasetId, owner = path.length > 1 ? project : projectId, ...more] = path.toReversed();
    if (more.length > 0) throw api.invalid(`Invalid table name: \`${path.join('.')}\``);
    if (dataset === undefined) {
      throw api.invalid(`Table "${table}" must be qualified with a dataset (e.g. dataset.table).`);
    }
    const tables = catalog.datasets.get(`${owner}:${dataset}`)?.tables;
    if (tables === undefined) throw api.notFound(`Dataset ${owner}:${dataset} was not found in location US`);
    const found = tables.get(table);
    if (found === undefined) throw api.notFound(`Table ${owner}:${dataset}.${table} was not found in location US`);
    return found;
  };
}

/** Returns a parameter's value by name or position, and adds it to the `values` to bind, once. */
function parameterReader(given: unknown, values: DuckDBValue[]): (key: string | number) => Typed {
  const all = Array.isArray(given) ? given.filter(api.isObject) : [];
  const bound = new Map<string | number, Typed>();
  const bind = (key: string | number): Typed => {
    const found = typeof key === 'number' ? all[key] : all.find(({ name }) => `${name}`.toLowerCase() === key);
    if (found === undefined) throw api.invalidQuery(`Query parameter '${key}' not found`);
    const { value = null } = api.objectAt(found, 'parameterValue');
    const name = `${api.objectAt(found, 'parameterType').type}`;
    if (name === 'ARRAY' || name === 'STRUCT') throw api.unsupported(`A parameter of type ${name}`);
    const { duckDb, read, refusal } = scalarType(name);
    const parsed = value === null ? null : read(`${value}`, `${value}`);
    if (parsed === undefined) throw api.invalidQuery(refusal(`${value}`, `${value}`));
    return { sql: `CAST($${values.push(parsed)} AS ${duckDb})`, type: type(name), isText: name === 'STRING' };
  };
  return (key) => {
    const typed = bound.get(key) ?? bind(key);
    bound.set(key, typed);
    return typed;
  };
}
