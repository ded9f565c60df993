import type { BigQuery } from '@google-cloud/bigquery';
import { httpCall, httpCreate } from './cloud-call.ts';
import type { DatasetResource } from './config.ts';
import { differencesOf, type Resource } from './resource.ts';

const SETTING = 'resources.datasets';

/** Full name of a dataset, or of a table in it. */
export function bigqueryName(projectId: string, datasetId: string, tableId?: string): string {
  return [projectId, datasetId, ...(tableId === undefined ? [] : [tableId])].join('.');
}

/** A dataset. Tables of others keep it. */
export function datasetResource(
  bigquery: BigQuery,
  projectId: string,
  { datasetId, location }: DatasetResource,
): Resource {
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
    create: (labels) =>
      httpCreate(SETTING, name, () =>
        bigquery.createDataset(datasetId, { labels: { ...labels }, ...(location === undefined ? {} : { location }) }),
      ),
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
