import { ApiError, invalid } from './api-error.ts';
import type { Catalog, Dataset } from './catalog.ts';
import { objectAt, stringAt } from './json.ts';
import { checkIfMatch, pageOf, patched, selfLink, withEtag, writable } from './resource.ts';
import type { Call, Route } from './route.ts';

const WRITABLE = [
  'friendlyName',
  'description',
  'labels',
  'access',
  'defaultTableExpirationMs',
  'defaultPartitionExpirationMs',
  'location',
];
const ONE = '/projects/:project/datasets/:dataset';

function datasetResource({ projectId, datasetId, metadata, ...dataset }: Dataset): Record<string, unknown> {
  return withEtag({
    kind: 'bigquery#dataset',
    id: `${projectId}:${datasetId}`,
    selfLink: selfLink(`${projectId}/datasets/${datasetId}`),
    datasetReference: { projectId, datasetId },
    ...metadata,
    creationTime: String(dataset.creationTime),
    lastModifiedTime: String(dataset.lastModifiedTime),
    type: 'DEFAULT',
  });
}

/** The methods of https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets. */
export function datasetRoutes(catalog: Catalog): Route[] {
  const dataset = (call: Call) => catalog.dataset(call.param('project'), call.param('dataset'));

  const insert = (call: Call) => {
    const datasetId = stringAt(objectAt(call.body, 'datasetReference'), 'datasetId') ?? '';
    if (!/^\w{1,1024}$/.test(datasetId)) {
      throw invalid(
        `Invalid dataset ID "${datasetId}". Dataset IDs must be alphanumeric (plus underscores) and must be at most 1024 characters long.`,
      );
    }
    const metadata = { location: 'US', ...writable(call.body, WRITABLE) };
    return datasetResource(catalog.createDataset(call.param('project'), datasetId, metadata));
  };

  const list = (call: Call) => {
    const { page, next } = pageOf(call, catalog.datasets(call.param('project')));
    const datasets = page.map(({ projectId, datasetId, metadata }) => ({
      kind: 'bigquery#dataset',
      id: `${projectId}:${datasetId}`,
      datasetReference: { projectId, datasetId },
      ...metadata,
    }));
    return withEtag({ kind: 'bigquery#datasetList', ...(datasets.length > 0 ? { datasets } : {}), ...next });
  };

  const patch = (call: Call) => {
    const found = dataset(call);
    checkIfMatch(call, datasetResource(found).etag);
    found.metadata = patched(found.metadata, { ...call.body, location: undefined }, WRITABLE);
    found.lastModifiedTime = Date.now();
    return datasetResource(found);
  };

  const remove = async (call: Call) => {
    const found = dataset(call);
    if (found.tables.size > 0 && call.query('deleteContents') !== 'true') {
      const message = `Dataset ${found.projectId}:${found.datasetId} is still in use`;
      throw new ApiError(400, 'resourceInUse', 'FAILED_PRECONDITION', message);
    }
    await catalog.deleteDataset(found);
  };

  return [
    { api: 'datasets.insert', verb: 'POST', path: '/projects/:project/datasets', handle: insert },
    { api: 'datasets.list', verb: 'GET', path: '/projects/:project/datasets', handle: list },
    { api: 'datasets.get', verb: 'GET', path: ONE, handle: (call) => datasetResource(dataset(call)) },
    { api: 'datasets.patch', verb: 'PATCH', path: ONE, handle: patch },
    { api: 'datasets.delete', verb: 'DELETE', path: ONE, handle: remove },
  ];
}
