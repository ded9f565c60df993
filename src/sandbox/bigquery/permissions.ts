import type { MethodPermissions } from '../permissions.ts';

/** All permissions that a method may need, https://cloud.google.com/bigquery/docs/access-control */
export const BIGQUERY_PERMISSIONS = {
  'datasets.insert': ['bigquery.datasets.create'],
  'datasets.list': ['bigquery.datasets.get'],
  'datasets.get': ['bigquery.datasets.get'],
  'datasets.delete': ['bigquery.datasets.delete'],
  'tables.insert': ['bigquery.tables.create'],
  'tables.list': ['bigquery.tables.list'],
  'tables.get': ['bigquery.tables.get'],
  'tables.patch': ['bigquery.tables.update'],
  'tables.delete': ['bigquery.tables.delete'],
  'tables.testIamPermissions': [],
  'tabledata.insertAll': ['bigquery.tables.updateData'],
  'tabledata.list': ['bigquery.tables.getData'],
  'jobs.query': ['bigquery.jobs.create', 'bigquery.tables.getData'],
  'jobs.insert': ['bigquery.jobs.create', 'bigquery.tables.getData'],
  'jobs.get': ['bigquery.jobs.get'],
  'jobs.getQueryResults': ['bigquery.jobs.get'],
} as const satisfies MethodPermissions;

/** Returns the permissions of this call: a query without tables does not read their data. */
export function permissionsOf(method: string, body: Readonly<Record<string, unknown>>): readonly string[] {
  const known: MethodPermissions = BIGQUERY_PERMISSIONS;
  const needed = known[method] ?? [];
  const isQuery = method === 'jobs.query' || method === 'jobs.insert';
  return isQuery && !/\bFROM\b/i.test(JSON.stringify(body)) ? needed.slice(0, 1) : needed;
}
