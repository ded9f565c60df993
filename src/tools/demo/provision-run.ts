import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createFirestoreClient } from '../../lookup/firestore/client.ts';
import { provision, type Step } from '../../resources/provision.ts';
import { withDeclared } from '../../resources/with-declared.ts';
import { readDeclaration } from '../../services/declaration.ts';
import { pipelinesIn } from '../../services/pipeline.ts';
import type { Fleet } from '../load/fleet.ts';
import type { RunResources } from './run-resources.ts';

const PIPELINES = join(import.meta.dirname, '../../../pipelines');

/** The folders of the pipelines that come with the project, in the order of the data. */
export const SHIPPED_PIPELINES: readonly string[] = pipelinesIn(PIPELINES).map((name) => join(PIPELINES, name));

/** The folders of the demo's pipelines: its own ingestion and bigqueries take every topic; the others are the shipped ones. */
export const DEMO_PIPELINES: readonly string[] = pipelinesIn(PIPELINES).map((name) => {
  const own = join(PIPELINES, 'demo', name);
  return existsSync(own) ? own : join(PIPELINES, name);
});

/** Creates what pipelines declare, where it is missing, in the project and at the servers that an environment names. */
export function createDeclared(
  pipelines: readonly string[],
  env: NodeJS.ProcessEnv,
  onStep?: (step: Step) => void,
): Promise<Step[]> {
  const declarations = pipelines.map((folder) => readDeclaration(folder, env));
  return withDeclared(declarations, (declared) =>
    provision(declared, { dryRun: false, ...(onStep === undefined ? {} : { onStep }) }),
  );
}

/**
 * Creates a run's resources as its pipelines declare them, and the devices' documents.
 *
 * @param pipelines folders of the pipelines whose resources are created. Default: the shipped ones.
 */
export async function createResources(
  resources: RunResources,
  fleet: Fleet,
  pipelines: readonly string[] = SHIPPED_PIPELINES,
): Promise<void> {
  await createDeclared(pipelines, { ...process.env, ...resources.env });
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
