import { createBigQueryClient } from '../connectors/bigquery/client.ts';
import { checkCredentials, type GoogleApi } from '../connectors/google/credentials.ts';
import { createPubSubClients } from '../connectors/pubsub/client.ts';
import { createStorageClient } from '../connectors/storage/client.ts';
import { FatalError, toError } from '../core/errors.ts';
import { retryFor } from '../operators/retry.ts';
import { type Declaration, type Declared, declaredResources } from './declared-resources.ts';

/**
 * Opens the clients for the declared resources of one project, and closes them afterwards.
 *
 * @throws FatalError if the declarations name several projects or key files.
 */
export async function withDeclared<T>(
  declarations: readonly Declaration[],
  work: (declared: readonly Declared[]) => Promise<T>,
): Promise<T> {
  const [first, ...others] = declarations.map(({ google }) => google);
  if (first === undefined) return work([]);
  if (others.some(({ projectId }) => projectId !== first.projectId)) {
    throw new FatalError('google.projectId: these pipelines belong to several projects; pass them one at a time');
  }
  if (others.some(({ keyFilename }) => keyFilename !== first.keyFilename)) {
    throw new FatalError('google.keyFilename: these pipelines have different ones; pass them one at a time');
  }
  await retryFor(() => checkCredentials(first, apisOf(declarations)), toError);
  const pubsub = await createPubSubClients(first);
  try {
    const clients = { pubsub, storage: createStorageClient(first), bigquery: createBigQueryClient(first) };
    return await work(declaredResources(clients, declarations));
  } finally {
    await pubsub.close();
  }
}

function apisOf(declarations: readonly Declaration[]): GoogleApi[] {
  const all = declarations.map(({ resources }) => resources);
  return [
    'pubsub',
    ...(all.some(({ buckets }) => buckets.length > 0) ? (['storage'] as const) : []),
    ...(all.some(({ datasets, tables }) => datasets.length + tables.length > 0) ? (['bigquery'] as const) : []),
  ];
}
