import type { Permissions } from '../permissions.ts';
import { ApiError, alreadyExists, invalid, type Operations, objectAt, pageOf, unsupported } from './api.ts';
import type { Catalog } from './catalog.ts';
import { flagAt } from './query-parameters.ts';
import { parseFields, quoteName } from './schema.ts';
import { Table } from './table.ts';

const DATASETS = '/projects/:project/datasets';
const TABLES = `${DATASETS}/:dataset/tables`;

const taken = (what: string) => (error: unknown) => {
  throw error instanceof ApiError ? error : alreadyExists(what);
};
/** See https://docs.cloud.google.com/bigquery/docs/datasets#dataset-naming. */
function datasetId(id: unknown): string {
  if (typeof id === 'string' && /^\w{1,1024}$/.test(id)) return id;
  throw invalid(
    `Invalid dataset ID "${id}". Dataset IDs must be alphanumeric (plus underscores) and must be at most 1024 characters long.`,
  );
}
/** See https://docs.cloud.google.com/bigquery/docs/tables#table_naming. */
function tableId(id: unknown): string {
  const isNamed = typeof id === 'string' && /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]+$/u.test(id);
  if (isNamed && Buffer.byteLength(id) <= 1024) return id;
  throw invalid(`Invalid table ID "${id}".`);
}
/** Properties that would create another kind of table, or change the meaning of its values. */
const OTHER_TABLES = [
  'view',
  'materializedView',
  'externalDataConfiguration',
  'biglakeConfiguration',
  'cloneDefinition',
  'snapshotDefinition',
  'tableReplicationInfo',
  'defaultCollation',
  'defaultRoundingMode',
];

/** The methods of datasets and tables, see https://cloud.google.com/bigquery/docs/reference/rest. */
export const catalogOperations = (catalog: Catalog, permissions: Permissions): Operations => ({
  [`datasets.insert POST ${DATASETS}`]: async ({ project, body }) => {
    const name = datasetId(objectAt(body, 'datasetReference').datasetId);
    const id = `${project}:${name}`;
    const datasetReference = { projectId: project, datasetId: name };
    const creationTime = String(catalog.now());
    const resource = { location: 'US', ...body, kind: 'bigquery#dataset', id, datasetReference, creationTime };
    const schema = `${quoteName(project)}.${quoteName(name)}`;
    await catalog.writer.run(`ATTACH IF NOT EXISTS ':memory:' AS ${quoteName(project)}`);
    await catalog.writer.run(`CREATE SCHEMA ${schema}`).catch(taken(`Dataset ${id}`));
    catalog.datasets.set(id, { resource, tables: new Map() });
    return resource;
  },
  [`datasets.list GET ${DATASETS}`]: ({ project, query }) => {
    const own = [...catalog.datasets].filter(([id]) => id.startsWith(`${project}:`));
    const { from, to, token } = pageOf(own.length, query);
    const datasets = own.slice(from, to).map(([, { resource }]) => resource);
    return { kind: 'bigquery#datasetList', datasets, nextPageToken: token };
  },
  [`datasets.get GET ${DATASETS}/:dataset`]: ({ project, dataset }) => catalog.dataset(project, dataset).resource,
  [`datasets.delete DELETE ${DATASETS}/:dataset`]: async ({ project, dataset, query }) => {
    const { tables } = catalog.dataset(project, dataset);
    if (tables.size > 0 && !flagAt(query, 'deleteContents')) {
      throw new ApiError(400, 'resourceInUse', `Dataset ${project}:${dataset} is still in use`);
    }
    catalog.datasets.delete(`${project}:${dataset}`);
    for (const table of tables.values()) await table.drop();
    await catalog.writer.run(`DROP SCHEMA ${quoteName(project)}.${quoteName(dataset)}`);
  },

  [`tables.insert POST ${TABLES}`]: async ({ project, dataset, body }) => {
    const { tables } = catalog.dataset(project, dataset);
    const id = tableId(objectAt(body, 'tableReference').tableId);
    const other = OTHER_TABLES.find((key) => body[key] !== undefined);
    if (other !== undefined) throw unsupported(`${other} of a table`);
    const table = new Table(catalog, [project, dataset, id], body);
    await table.setFields(parseFields(objectAt(body, 'schema').fields)).catch(taken(`Table ${table.name}`));
    tables.set(id, table);
    return table;
  },
  [`tables.list GET ${TABLES}`]: ({ project, dataset, query }) => {
    const tables = [...catalog.dataset(project, dataset).tables.values()];
    const { from, to, token } = pageOf(tables.length, query);
    return {
      kind: 'bigquery#tableList',
      tables: tables.slice(from, to),
      totalItems: tables.length,
      nextPageToken: token,
    };
  },
  [`tables.get GET ${TABLES}/:table`]: (call) => catalog.table(call),
  // https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/tables/testIamPermissions
  [`tables.testIamPermissions POST ${TABLES}/:table{[^/:]+:testIamPermissions}`]: (call) => {
    catalog.table(call);
    const { permissions: asked } = call.body;
    return { permissions: permissions.held(Array.isArray(asked) ? asked.map(String) : []) };
  },
  [`tables.patch PATCH ${TABLES}/:table`]: async (call) => {
    const table = catalog.table(call);
    if (Object.keys(call.body).some((key) => key !== 'schema')) throw unsupported('A change of more than the schema');
    await table.setFields(parseFields(objectAt(call.body, 'schema').fields));
    return table;
  },
  [`tables.delete DELETE ${TABLES}/:table`]: async (call) => {
    const table = catalog.table(call);
    catalog.dataset(call.project, call.dataset).tables.delete(call.table);
    await table.drop();
  },
});
