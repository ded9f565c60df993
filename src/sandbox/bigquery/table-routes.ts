import { invalid, unsupported } from './api-error.ts';
import type { Catalog } from './catalog.ts';
import { objectAt, stringAt } from './json.ts';
import { checkIfMatch, pageOf, patched, selfLink, withEtag, writable } from './resource.ts';
import type { Call, Route } from './route.ts';
import { checkSchemaChange, type Field, parseFields } from './schema.ts';
import { type Table, type TableReference, tableName } from './table.ts';

const WRITABLE = [
  'friendlyName',
  'description',
  'labels',
  'expirationTime',
  'timePartitioning',
  'clustering',
  'requirePartitionFilter',
];
const NOT_TABLES = ['view', 'materializedView', 'externalDataConfiguration', 'rangePartitioning', 'tableConstraints'];
const ALL = '/projects/:project/datasets/:dataset/tables';
const ONE = `${ALL}/:table`;

/** The table that a path names. */
export const tableReference = (call: Call): TableReference => ({
  projectId: call.param('project'),
  datasetId: call.param('dataset'),
  tableId: call.param('table'),
});

function tableResource({ reference, metadata, fields, rowCount, ...table }: Table): Record<string, unknown> {
  const { projectId, datasetId, tableId } = reference;
  const resource = withEtag({
    kind: 'bigquery#table',
    id: tableName(reference),
    selfLink: selfLink(`${projectId}/datasets/${datasetId}/tables/${tableId}`),
    tableReference: reference,
    ...metadata,
    ...(fields.length === 0 ? {} : { schema: { fields } }),
    creationTime: String(table.creationTime),
    lastModifiedTime: String(table.lastModifiedTime),
    type: 'TABLE',
    location: 'US',
  });
  return { ...resource, numRows: String(rowCount) };
}

function checkLayout(metadata: Record<string, unknown>, fields: readonly Field[]): void {
  const typeOf = (name: unknown) => fields.find((field) => field.name === name)?.type;
  const { timePartitioning, clustering } = metadata;
  if (timePartitioning !== undefined) {
    const { type, field } = objectAt(metadata, 'timePartitioning');
    if (!/^(HOUR|DAY|MONTH|YEAR)$/.test(String(type))) throw invalid(`Invalid time partitioning type: ${type}`);
    if (field !== undefined && !/^(TIMESTAMP|DATE|DATETIME)$/.test(typeOf(field) ?? '')) {
      throw invalid(
        typeOf(field) === undefined
          ? `The field specified for partitioning cannot be found in the schema: ${field}`
          : `The field specified for time partitioning has type ${typeOf(field)}: it must be TIMESTAMP, DATE or DATETIME`,
      );
    }
  }
  if (clustering !== undefined) {
    const { fields: names } = objectAt(metadata, 'clustering');
    if (!Array.isArray(names) || names.length < 1 || names.length > 4) throw invalid('Clustering takes 1 to 4 fields.');
    const unknown = names.find((name) => typeOf(name) === undefined);
    if (unknown !== undefined) {
      throw invalid(`The field specified for clustering cannot be found in the schema: ${unknown}`);
    }
  }
  const { expirationTime } = metadata;
  if (expirationTime !== undefined && !(Number(expirationTime) > Date.now())) {
    throw invalid(`Invalid value for expirationTime: ${expirationTime} is not in the future`);
  }
}

/** The methods of https://cloud.google.com/bigquery/docs/reference/rest/v2/tables. */
export function tableRoutes(catalog: Catalog): Route[] {
  const table = (call: Call) => catalog.table(tableReference(call));

  const insert = async (call: Call) => {
    const dataset = catalog.dataset(call.param('project'), call.param('dataset'));
    const tableId = stringAt(objectAt(call.body, 'tableReference'), 'tableId') ?? '';
    if (!/^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]{1,1024}$/u.test(tableId)) {
      throw invalid(
        `Invalid table ID "${tableId}". Table IDs must be alphanumeric (plus underscores) and must be at most 1024 characters long. Also, Table decorators cannot be used.`,
      );
    }
    const other = NOT_TABLES.find((key) => call.body[key] !== undefined);
    if (other !== undefined) throw unsupported(`A table with ${other}`);
    const metadata = writable(call.body, WRITABLE);
    const lifetimeMs = Number(dataset.metadata.defaultTableExpirationMs ?? 0);
    if (lifetimeMs > 0) metadata.expirationTime ??= String(Date.now() + lifetimeMs);
    const fields = parseFields(objectAt(call.body, 'schema').fields);
    checkLayout(metadata, fields);
    const { projectId, datasetId } = dataset;
    return tableResource(await catalog.createTable({ projectId, datasetId, tableId }, metadata, fields));
  };

  const list = (call: Call) => {
    const { projectId, datasetId, tables: all } = catalog.dataset(call.param('project'), call.param('dataset'));
    const ids = [...all.keys()].sort();
    const live = ids.flatMap((tableId) => catalog.findTable({ projectId, datasetId, tableId }) ?? []);
    const { page, next } = pageOf(call, live);
    const tables = page.map((found) => {
      const { kind, id, tableReference, type, labels, timePartitioning, clustering, creationTime, expirationTime } =
        tableResource(found);
      return { kind, id, tableReference, type, labels, timePartitioning, clustering, creationTime, expirationTime };
    });
    return withEtag({ kind: 'bigquery#tableList', tables, ...next, totalItems: live.length });
  };

  const patch = async (call: Call) => {
    const found = table(call);
    checkIfMatch(call, tableResource(found).etag);
    const before = found.metadata.timePartitioning;
    const metadata = patched(found.metadata, call.body, WRITABLE);
    const { schema } = call.body;
    const fields = schema === undefined ? found.fields : parseFields(objectAt(call.body, 'schema').fields);
    checkSchemaChange(tableName(found.reference), found.fields, fields);
    checkLayout(metadata, fields);
    const layout = (value: unknown) =>
      JSON.stringify([objectAt({ value }, 'value').type, objectAt({ value }, 'value').field]);
    if (layout(before) !== layout(metadata.timePartitioning)) {
      throw invalid('Cannot change partitioning spec for a partitioned table.');
    }
    if (schema !== undefined) await found.setFields(fields);
    found.metadata = metadata;
    found.lastModifiedTime = Date.now();
    return tableResource(found);
  };

  return [
    { api: 'tables.insert', verb: 'POST', path: ALL, handle: insert },
    { api: 'tables.list', verb: 'GET', path: ALL, handle: list },
    { api: 'tables.get', verb: 'GET', path: ONE, handle: (call) => tableResource(table(call)) },
    { api: 'tables.patch', verb: 'PATCH', path: ONE, handle: patch },
    { api: 'tables.delete', verb: 'DELETE', path: ONE, handle: (call) => catalog.deleteTable(tableReference(call)) },
  ];
}
