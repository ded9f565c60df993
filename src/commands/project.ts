import { FatalError } from '../core/errors.ts';

/**
 * Returns the Google Cloud project of `--project`, else that of the environment.
 *
 * @throws FatalError if there is none.
 */
export function projectOf({ project }: { readonly project?: string }): string {
  const projectId = project || process.env.GOOGLE_CLOUD_PROJECT || process.env.PROJECT_ID;
  if (projectId) return projectId;
  throw new FatalError('--project: not set, and neither is GOOGLE_CLOUD_PROJECT or PROJECT_ID');
}
