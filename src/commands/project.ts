import { FatalError } from '../core/errors.ts';

/**
 * The Google Cloud project of `--project`, else that of the environment.
 *
 * @throws FatalError if none is named.
 */
export function projectOf({ project }: { readonly project?: string }): string {
  const projectId = project || process.env.GOOGLE_CLOUD_PROJECT || process.env.PROJECT_ID;
  if (projectId) return projectId;
  throw new FatalError('--project: not given, and neither GOOGLE_CLOUD_PROJECT nor PROJECT_ID is set');
}
