import { ApiError, alreadyExists, invalid, type Operations, objectAt, unsupported } from './api.ts';
import type { Catalog } from './catalog.ts';
import { parseFields, quoteName } from './schema.ts';
import { Table } from './table.ts';

const DATASETS = '/projects/:project/datasets';
const TABLES = `${DATASETS}/:dataset/tables`;

const taken = (what: string) => () => {
  throw alreadyExists(what);
};
function validId(id: unknown): string {
  if (typeof id === 'string' && /^[\p{L}\p{N}_-]{1,1024}$/u.test(id)) return id;
  throw invalid(`Invalid ID "${id}". IDs must be alphanumeric (plus underscores) and at most 1024 characters long.`);
}

/** The methods of datasets and tables, see https://cloud.google.com/bigquery/docs/reference/rest. */
export const catalogOperations = (catalog: Catalog): Operations => ({
  [`datasets.insert POST ${DATASETS}`]: async ({ project, body }) => {
    const datasetId = validId(objectAt(body, 'datasetReference').datasetId);
    const id = `${project}:${datasetId}`;
    const datasetReference = { projectId: project, datasetId };
    const resource = { location: 'US', ...body, kind: 'bigquery#dataset', id, datasetReference };
    const schema = `${quoteName(project)}.${quoteName(datasetId)}`;
    await catalog.writer.run(`ATTACH IF NOT EXISTS ':memory:' AS ${quoteName(project)}`);
    await catalog.writer.run(`CREATE SCHEMA ${schema}`).catch(taken(`Dataset ${id}`));
    catalog.datasets.set(id, { resource, tables: new Map() });
    return resource;
  },
  [`datasets.list GET ${DATASETS}`]: ({ project }) => {
    const own = [...catalog.datasets].filter(([id]) => id.startsWith(`${project}:`));
    return { kind: 'bigquery#datasetList', datasets: own.map(([, { resource }]) => resource) };
  },
  [`datasets.get GET ${DATASETS}/:dataset`]: ({ project, dataset }) => catalog.dataset(project, dataset).resource,
  [`datasets.delete DELETE ${DATASETS}/:dataset`]: async ({ project, dataset, query }) => {
    const { tables } = catalog.dataset(project, dataset);
    if (tables.size > 0 && query.deleteContents !== 'true') {
      throw new ApiError(400, 'resourceInUse', `Dataset ${project}:${dataset} is still in use`);
    }
    catalog.datasets.delete(`${project}:${dataset}`);
    for (const table of tables.values()) await table.drop();
    await catalog.writer.run(`DROP SCHEMA ${quoteName(project)}.${quoteName(dataset)}`);
  },

  [`tables.insert POST ${TABLES}`]: async ({ project, dataset, body }) => {
    const { tables } = catalog.dataset(project, dataset);
    const tableId = validId(objectAt(body, 'tableReference').tableId);
    const table = new Table(catalog.writer, [project, dataset, tableId], body);
    await table.setFields(parseFields(objectAt(body, 'schema').fields)).catch(taken(`Table ${table.name}`));
    tables.set(tableId, table);
    return table;
  },
  [`tables.list GET ${TABLES}`]: ({ project, dataset }) => {
    const tables = [...catalog.dataset(project, dataset).tables.values()];
    return { kind: 'bigquery#tableList', tables };
  },
  [`tables.get GET ${TABLES}/:table`]: (call) => catalog.table(call),
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
