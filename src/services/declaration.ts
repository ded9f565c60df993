import { ConfigError } from '../config/config-error.ts';
import type { Declaration } from '../resources/declared-resources.ts';
import { pipelineFile, pipelineName, readPipelineConfig } from './pipeline.ts';
import type { ServiceConfig } from './services.ts';

/**
 * Reads the `resources:` of a pipeline.
 *
 * @throws ConfigError if it has none, or is not a pipeline.
 */
export function readDeclaration(path: string, env: NodeJS.ProcessEnv = process.env): Declaration {
  const config = readPipelineConfig(path, env);
  const file = pipelineFile(path);
  const declaration = declarationOf(file, config);
  if (declaration === undefined) {
    throw new ConfigError(file, [{ path: 'resources', problem: 'not set: there is nothing to provision' }]);
  }
  return declaration;
}

/** Returns the declaration under `resources:`, or undefined if there is none. */
export function declarationOf(file: string, config: ServiceConfig): Declaration | undefined {
  const { resources, google } = config;
  if (resources === undefined) return undefined;
  return {
    owner: resources.owner ?? labelOf(pipelineName(file)),
    google,
    resources,
    ...('table' in config ? { table: config.table } : {}),
  };
}

/** Converts a folder's name to a label: https://cloud.google.com/compute/docs/labeling-resources#requirements */
function labelOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '_')
    .slice(0, 63);
}
