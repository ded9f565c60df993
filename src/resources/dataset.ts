import type { BigQuery } from '@google-cloud/bigquery';
import { createOnce, httpCall, httpCreate } from './cloud-call.ts';
import type { DatasetResource } from './config.ts';
import { differencesOf, type Labels, type Resource } from './resource.ts';

const SETTING = 'resources.datasets';

/** Returns the full name of a dataset, or of a table in it. */
export function bigqueryName(projectId: string, datasetId: string, tableId?: string): string {
  return [projectId, datasetId, ...(tableId === undefined ? [] : [tableId])].join('.');
}

/** Creates a dataset unless it exists. Rejects with the client's own error. */
export function createDataset(
  bigquery: BigQuery,
  { datasetId, location }: DatasetResource,
  labels?: Labels,
): Promise<'created' | 'exists'> {
  return createOnce('datasets.insert', () =>
    bigquery.createDataset(datasetId, {
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      ...(location === undefined ? {} : { location }),
    }),
  );
}

/** A dataset. It is kept while it holds other owners' tables. */
export function datasetResource(bigquery: BigQuery, projectId: string, config: DatasetResource): Resource {
  const { datasetId, location } = config;
  const dataset = bigquery.dataset(datasetId);
  const name = bigqueryName(projectId, datasetId);
  return {
    kind: 'dataset',
    name,
    look: async () => {
      const found = await httpCall(SETTING, name, () => dataset.getMetadata());
      if (found === undefined) return undefined;
      const [metadata] = found;
      return {
        labels: { ...metadata.labels },
        differences: location === undefined ? [] : differencesOf([['location', location, metadata.location]]),
      };
    },
    create: (labels) => httpCreate(SETTING, name, () => createDataset(bigquery, config, labels)),
    users: async (doomed) => {
      const found = await httpCall(SETTING, name, () => dataset.getTables());
      const others = (found?.[0] ?? [])
        .map((table) => bigqueryName(projectId, datasetId, table.id))
        .filter((table) => !doomed.has(table));
      return others.length === 0 ? undefined : `still has the tables ${others.join(', ')}`;
    },
    contents: async () => undefined,
    delete: async () => {
      await httpCall(SETTING, name, () => dataset.delete());
    },
  };
}
