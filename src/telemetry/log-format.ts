/** Formats of log lines. Kept apart from the logger, so that reading settings loads no client. */
export const LOG_FORMATS = ['auto', 'json', 'pretty', 'google'] as const;

export type LogFormat = (typeof LOG_FORMATS)[number];

/**
 * Returns the format that `auto` selects: `google` on Cloud Run and in a Kubernetes pod with a Google project, `pretty`
 * on a terminal, else `json`.
 */
export function chosenFormat(
  format: LogFormat,
  { env, isTerminal }: { readonly env: NodeJS.ProcessEnv; readonly isTerminal: boolean },
): Exclude<LogFormat, 'auto'> {
  if (format !== 'auto') return format;
  const isCloudRun = env.K_SERVICE !== undefined || env.CLOUD_RUN_JOB !== undefined;
  const isGke = env.KUBERNETES_SERVICE_HOST !== undefined && env.GOOGLE_CLOUD_PROJECT !== undefined;
  if (isCloudRun || isGke) return 'google';
  return isTerminal ? 'pretty' : 'json';
}
