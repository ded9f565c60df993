import type { BigQuery } from '@google-cloud/bigquery';
import { canonicalType } from '../connectors/bigquery/column-types.ts';
import type { TableConfig } from '../connectors/bigquery/config.ts';
import { type ApiField, tableOptions } from '../connectors/bigquery/table-options.ts';
import { createOnce, httpCall, httpCreate } from './cloud-call.ts';
import { bigqueryName } from './dataset.ts';
import { differencesOf, type Labels, type Resource } from './resource.ts';

const SETTING = 'resources.tables';

export type TableDeclaration = Pick<TableConfig, 'datasetId' | 'tableId' | 'schema' | 'partitioning' | 'clustering'>;

/** Creates a table unless it exists. Rejects with the client's own error. */
export function createTable(
  bigquery: BigQuery,
  config: TableDeclaration,
  labels?: Labels,
): Promise<'created' | 'exists'> {
  return createOnce('tables.insert', () =>
    bigquery.dataset(config.datasetId).createTable(config.tableId, {
      ...tableOptions(config),
      ...(labels === undefined ? {} : { labels: { ...labels } }),
    }),
  );
}

/** A table. */
export function tableResource(bigquery: BigQuery, projectId: string, config: TableDeclaration): Resource {
  const table = bigquery.dataset(config.datasetId).table(config.tableId);
  const name = bigqueryName(projectId, config.datasetId, config.tableId);
  const declared = tableOptions(config);
  return {
    kind: 'table',
    name,
    look: async () => {
      const found = await httpCall(SETTING, name, () => table.getMetadata());
      if (found === undefined) return undefined;
      const [metadata] = found;
      return {
        labels: { ...metadata.labels },
        differences: differencesOf([
          ['columns', columns(declared.schema.fields), columns(metadata.schema?.fields ?? [])],
          ['partitioning', config.partitioning?.field, metadata.timePartitioning?.field],
          ['clustering', config.clustering, metadata.clustering?.fields],
        ]),
      };
    },
    create: (labels) => httpCreate(SETTING, name, () => createTable(bigquery, config, labels)),
    users: async () => undefined,
    contents: async () => {
      const found = await httpCall(SETTING, name, () => table.getRows({ maxResults: 1, autoPaginate: false }));
      return (found?.[0].length ?? 0) > 0 ? 'rows' : undefined;
    },
    delete: async () => {
      await httpCall(SETTING, name, () => table.delete());
    },
  };
}

function columns(fields: readonly Partial<ApiField>[]): string[] {
  return fields.map(({ name, type = '', mode = 'NULLABLE', fields: nested }) => {
    const inner = nested === undefined ? '' : `(${columns(nested).join(', ')})`;
    return `${name} ${canonicalType(type)}${inner} ${mode}`;
  });
}
