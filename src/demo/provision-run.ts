import { join } from 'node:path';
import { createBigQueryClient } from '../clients/bigquery.ts';
import { createFirestoreClient } from '../clients/firestore.ts';
import { createPubSubClients } from '../clients/pubsub.ts';
import { createStorageClient } from '../clients/storage.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type Declared, declaredResources } from '../provision/declared-resources.ts';
import { provision } from '../provision/provision.ts';
import { readDeclaration } from '../services/declaration.ts';
import type { RunResources } from './run-resources.ts';

const PIPELINES = join(import.meta.dirname, '../../pipelines');
const ALL = ['ingestion', 'enrich', 'icestore', 'bigqueries'];

/** Creates what a run of the four pipelines needs, as they declare it, and the devices' documents. */
export async function createResources(resources: RunResources, fleet: Fleet): Promise<void> {
  await withDeclared(resources, (declared) => provision(declared, { dryRun: false }));
  const firestore = createFirestoreClient({ projectId: resources.projectId }, {});
  try {
    const devices = firestore.collection(resources.collection);
    const writer = firestore.bulkWriter();
    for (const id of fleet.deviceIds) void writer.set(devices.doc(id), { ...fleet.recordOf(id) });
    await writer.close();
  } finally {
    await firestore.terminate();
  }
}

async function withDeclared<T>(
  { projectId, env }: RunResources,
  work: (declared: readonly Declared[]) => Promise<T>,
): Promise<T> {
  const google = { projectId };
  const pubsub = await createPubSubClients(google);
  try {
    const clients = { pubsub, storage: createStorageClient(google), bigquery: createBigQueryClient(google) };
    const declarations = ALL.map((name) => readDeclaration(join(PIPELINES, name), { ...process.env, ...env }));
    return await work(declaredResources(clients, declarations));
  } finally {
    await pubsub.close();
  }
}
