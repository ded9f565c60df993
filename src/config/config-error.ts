/** One problem of a configuration. */
export interface ConfigIssue {
  /** The setting, for example `routes.uplinks.source.qos`; empty for the file as a whole. */
  readonly path: string;
  /** The problem and the expected value, in words. */
  readonly problem: string;
}

/** A configuration that was refused: every problem at once. Ends the process with code 2, before anything connects. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly issues: readonly ConfigIssue[];

  constructor(file: string, issues: readonly ConfigIssue[]) {
    const lines = issues.map(({ path, problem }) => `  ${path === '' ? '' : `${path}: `}${problem}`);
    super(
      `${file}: ${issues.length} problem${issues.length === 1 ? '' : 's'} in the configuration\n${lines.join('\n')}`,
    );
    this.issues = issues;
  }
}
