import { createBigQueryClient } from '../../clients/bigquery.ts';
import { createPubSubClients } from '../../clients/pubsub.ts';
import { createStorageClient } from '../../clients/storage.ts';
import { ConfigError } from '../../config/config-error.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { type Declared, declaredResources } from '../../provision/declared-resources.ts';
import type { Step } from '../../provision/provision.ts';
import { readDeclaration } from '../../services/declaration.ts';
import { EXIT } from '../exit-codes.ts';

/** Reads what pipelines declare, opens the clients for it, and closes them again. */
export async function session(
  paths: readonly string[],
  work: (declared: readonly Declared[]) => Promise<number>,
): Promise<number> {
  try {
    const declarations = paths.map((path) => readDeclaration(path));
    const projects = new Set(declarations.map(({ google }) => google.projectId));
    const [google = { projectId: '' }, ...others] = declarations.map(({ google }) => google);
    if (projects.size > 1) {
      throw new FatalError(`google.projectId: these pipelines are of several projects: ${[...projects].join(', ')}`);
    }
    if (others.some(({ keyFilename }) => keyFilename !== google.keyFilename)) {
      throw new FatalError('google.keyFilename: these pipelines have different ones; name them one at a time');
    }
    const pubsub = await createPubSubClients(google);
    try {
      const clients = { pubsub, storage: createStorageClient(google), bigquery: createBigQueryClient(google) };
      return await work(declaredResources(clients, declarations));
    } finally {
      await pubsub.close();
    }
  } catch (thrown) {
    console.error(toError(thrown).message);
    return thrown instanceof ConfigError || thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  }
}

/** A line for one step. */
export function showStep({ kind, name, outcome, detail }: Step): void {
  console.log(`${outcome.padEnd(12)}  ${kind.padEnd(12)}  ${name}${detail === undefined ? '' : `  (${detail})`}`);
}

/** What there was of each outcome. */
export function finished(steps: readonly Step[], json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ steps }));
    return;
  }
  const counts = Map.groupBy(steps, ({ outcome }) => outcome);
  console.error(
    Array.from(counts, ([outcome, those]) => `${those.length} ${outcome}`).join(', ') || 'nothing declared',
  );
}
