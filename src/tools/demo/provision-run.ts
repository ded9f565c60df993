import { join } from 'node:path';
import { createFirestoreClient } from '../../lookup/firestore/client.ts';
import { provision } from '../../resources/provision.ts';
import { withDeclared } from '../../resources/with-declared.ts';
import { readDeclaration } from '../../services/declaration.ts';
import { pipelinesIn } from '../../services/pipeline.ts';
import type { Fleet } from '../load/fleet.ts';
import type { RunResources } from './run-resources.ts';

const PIPELINES = join(import.meta.dirname, '../../../pipelines');

/**
 * Creates what a run needs, as its pipelines declare it, and the devices' documents.
 *
 * @param pipelines whose resources. Default: of all services.
 */
export async function createResources(
  resources: RunResources,
  fleet: Fleet,
  pipelines: readonly string[] = pipelinesIn(PIPELINES),
): Promise<void> {
  const env = { ...process.env, ...resources.env };
  const declarations = pipelines.map((name) => readDeclaration(join(PIPELINES, name), env));
  await withDeclared(declarations, (declared) => provision(declared, { dryRun: false }));
  const firestore = createFirestoreClient({ projectId: resources.projectId }, {});
  try {
    const devices = firestore.collection(resources.collection);
    const writer = firestore.bulkWriter();
    const written = fleet.deviceIds.map((id) => writer.set(devices.doc(id), { ...fleet.recordOf(id) }));
    await Promise.all([...written, writer.close()]);
  } finally {
    await firestore.terminate();
  }
}
