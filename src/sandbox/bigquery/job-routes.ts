import { randomUUID } from 'node:crypto';
import { alreadyExists, invalid, notFound, unsupported } from './api-error.ts';
import type { Catalog } from './catalog.ts';
import type { Database } from './database.ts';
import { objectAt, stringAt } from './json.ts';
import { integerQuery, pageOf, selfLink, withEtag } from './resource.ts';
import type { Call, Route } from './route.ts';
import { type QueryResult, runQuery } from './run-query.ts';
import { MAX_PAGE_ROWS, wireFormat } from './tabledata-routes.ts';
import { type WireFormat, wireRow } from './wire-row.ts';

/** A query that has run, and its result. */
interface Job {
  readonly projectId: string;
  readonly jobId: string;
  readonly createdAt: number;
  readonly endedAt: number;
  readonly configuration: Record<string, unknown>;
  readonly result: QueryResult;
}

/** The service keeps results for a day; the sandbox those of the last jobs. */
const MAX_JOBS = 100;
const LOCATION = 'US';

const reference = ({ projectId, jobId }: Job) => ({ projectId, jobId, location: LOCATION });

function jobResource(job: Job): Record<string, unknown> {
  const times = { creationTime: String(job.createdAt), startTime: String(job.createdAt), endTime: String(job.endedAt) };
  return withEtag({
    kind: 'bigquery#job',
    id: `${job.projectId}:${LOCATION}.${job.jobId}`,
    selfLink: selfLink(`${job.projectId}/jobs/${job.jobId}?location=${LOCATION}`),
    jobReference: reference(job),
    configuration: job.configuration,
    status: { state: 'DONE' },
    statistics: {
      ...times,
      totalBytesProcessed: '0',
      query: { statementType: 'SELECT', totalBytesProcessed: '0', schema: { fields: job.result.fields } },
    },
  });
}

/** A page of a job's rows, as jobs.query and jobs.getQueryResults reply. */
function resultPage(kind: string, job: Job, from: number, limit: number, format: WireFormat): Record<string, unknown> {
  const { fields, rows } = job.result;
  const to = from + Math.min(limit, MAX_PAGE_ROWS);
  return {
    kind,
    schema: { fields },
    jobReference: reference(job),
    jobComplete: true,
    cacheHit: false,
    totalBytesProcessed: '0',
    totalRows: String(rows.length),
    ...(rows.length > from ? { rows: rows.slice(from, to).map((row) => wireRow(fields, row, format)) } : {}),
    ...(to < rows.length ? { pageToken: String(to) } : {}),
  };
}

/** The methods of https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs; every job is done when it is answered. */
export function jobRoutes(database: Database, catalog: Catalog): Route[] {
  const jobs = new Map<string, Job>();

  const run = async (projectId: string, jobId: string, configuration: Record<string, unknown>): Promise<Job> => {
    const key = `${projectId}:${jobId}`;
    if (jobs.has(key)) throw alreadyExists(`Job ${projectId}:${LOCATION}.${jobId}`);
    const createdAt = Date.now();
    const dryRun = configuration.dryRun === true;
    const result = await runQuery({ database, catalog }, projectId, objectAt(configuration, 'query'), dryRun);
    const job = { projectId, jobId, createdAt, endedAt: Date.now(), configuration, result };
    if (dryRun) return job;
    jobs.set(key, job);
    const [oldest] = jobs.keys();
    if (jobs.size > MAX_JOBS && oldest !== undefined) jobs.delete(oldest);
    return job;
  };

  const find = (call: Call): Job => {
    const [projectId, jobId] = [call.param('project'), call.param('job')];
    const job = jobs.get(`${projectId}:${jobId}`);
    if (job === undefined) throw notFound(`Job ${projectId}:${jobId}`);
    return job;
  };

  const query = async (call: Call) => {
    const { dryRun, maxResults, formatOptions, ...request } = call.body;
    const configuration = { jobType: 'QUERY', query: request, ...(dryRun === true ? { dryRun } : {}) };
    const job = await run(call.param('project'), `job_${randomUUID()}`, configuration);
    const limit = typeof maxResults === 'number' ? maxResults : MAX_PAGE_ROWS;
    const int64Timestamps = objectAt({ formatOptions }, 'formatOptions').useInt64Timestamp === true;
    return resultPage('bigquery#queryResponse', job, 0, limit, { int64Timestamps });
  };

  const insert = async (call: Call) => {
    const configuration = objectAt(call.body, 'configuration');
    const other = ['load', 'copy', 'extract'].find((kind) => configuration[kind] !== undefined);
    if (other !== undefined) throw unsupported(`A ${other} job`);
    if (configuration.query === undefined) throw invalid('Required parameter is missing: configuration.query');
    const jobId = stringAt(objectAt(call.body, 'jobReference'), 'jobId') ?? `job_${randomUUID()}`;
    return jobResource(await run(call.param('project'), jobId, { jobType: 'QUERY', ...configuration }));
  };

  const results = (call: Call) => {
    const from = integerQuery(call, 'pageToken') ?? integerQuery(call, 'startIndex') ?? 0;
    const limit = integerQuery(call, 'maxResults') ?? MAX_PAGE_ROWS;
    return resultPage('bigquery#getQueryResultsResponse', find(call), from, limit, wireFormat(call));
  };

  const list = (call: Call) => {
    const own = [...jobs.values()].filter((job) => job.projectId === call.param('project')).reverse();
    const { page, next } = pageOf(call, own);
    return withEtag({
      kind: 'bigquery#jobList',
      jobs: page.map((job) => ({ ...jobResource(job), state: 'DONE' })),
      ...next,
    });
  };

  const cancel = (call: Call) => ({ kind: 'bigquery#jobCancelResponse', job: jobResource(find(call)) });

  const ofProject = '/projects/:project';
  return [
    { api: 'jobs.query', verb: 'POST', path: `${ofProject}/queries`, handle: query },
    { api: 'jobs.getQueryResults', verb: 'GET', path: `${ofProject}/queries/:job`, handle: results },
    { api: 'jobs.insert', verb: 'POST', path: `${ofProject}/jobs`, handle: insert },
    { api: 'jobs.list', verb: 'GET', path: `${ofProject}/jobs`, handle: list },
    { api: 'jobs.get', verb: 'GET', path: `${ofProject}/jobs/:job`, handle: (call) => jobResource(find(call)) },
    { api: 'jobs.cancel', verb: 'POST', path: `${ofProject}/jobs/:job/cancel`, handle: cancel },
  ];
}
