/** One problem of a configuration. */
export interface ConfigIssue {
  /** The setting, for example `routes.uplinks.source.qos`; empty for the file as a whole. */
  readonly path: string;
  /** Describes the problem and the expected value. */
  readonly problem: string;
}

/** A refused configuration, with every problem. Ends the process with code 2 before anything connects. */
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
