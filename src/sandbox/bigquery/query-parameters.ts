import { type Call, invalid, unsupported } from './api.ts';

/** Parameters of every call, and parameters that do not change the meaning of the answer. */
const EVERYWHERE = [
  '$.xgafv',
  'access_token',
  'alt',
  'fields',
  'key',
  'oauth_token',
  'prettyPrint',
  'quotaUser',
  'userIp',
];
const PAGE = ['maxResults', 'pageToken'];
const ROWS = [...PAGE, 'startIndex', 'formatOptions.useInt64Timestamp', 'formatOptions.timestampOutputFormat'];
const OWN: Readonly<Record<string, readonly string[]>> = {
  'datasets.list': PAGE,
  'datasets.get': ['accessPolicyVersion', 'datasetView'],
  'datasets.delete': ['deleteContents'],
  'tables.list': PAGE,
  'tables.get': ['view'],
  'tabledata.list': ROWS,
  'jobs.getQueryResults': [...ROWS, 'location', 'timeoutMs'],
  'jobs.get': ['location'],
};

/** Refuses parameters that would change the answer and that the sandbox ignores. */
export function checkParameters(method: string, query: Call['query']): void {
  const known = OWN[method] ?? [];
  const other = Object.keys(query).find((name) => !EVERYWHERE.includes(name) && !known.includes(name));
  if (other !== undefined) throw unsupported(`The parameter ${other} of ${method}`);
  if ((query.alt ?? 'json') !== 'json') throw unsupported(`alt=${query.alt}`);
}

/** Reads a boolean parameter in any case, as Python's client sends it. */
export function flagAt(query: Call['query'], name: string): boolean {
  const text = (query[name] ?? 'false').toLowerCase();
  if (text !== 'true' && text !== 'false') throw invalid(`Invalid value for ${name}: ${query[name]}`);
  return text === 'true';
}

/** True for timestamps in microseconds, false for seconds. `timestampOutputFormat` takes precedence over the flag. */
export function int64Timestamps(useInt64Timestamp: boolean, timestampOutputFormat: unknown): boolean {
  if (timestampOutputFormat === undefined || timestampOutputFormat === 'TIMESTAMP_OUTPUT_FORMAT_UNSPECIFIED') {
    return useInt64Timestamp;
  }
  if (timestampOutputFormat === 'INT64' || timestampOutputFormat === 'FLOAT64')
    return timestampOutputFormat === 'INT64';
  throw unsupported(`The timestampOutputFormat ${timestampOutputFormat}`);
}

/** Returns the timestamp format that a call requests. */
export const timestampsOf = (query: Call['query']): boolean =>
  int64Timestamps(flagAt(query, 'formatOptions.useInt64Timestamp'), query['formatOptions.timestampOutputFormat']);
