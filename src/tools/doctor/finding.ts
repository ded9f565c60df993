/** From good to bad. An error keeps messages from their target, or loses them. */
export const SEVERITIES = ['ok', 'note', 'warning', 'error'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One finding of the doctor. */
export interface Finding {
  /** The resource or server, such as `subscription raw-enrich`. */
  readonly part: string;
  readonly severity: Severity;
  readonly what: string;
  /** The command, the setting or the role that mends it. */
  readonly remedy?: string;
}

export type Report = (severity: Severity, what: string, remedy?: string) => void;

/** A look at one resource or server. What it throws is an error of its own. */
export interface Check {
  readonly part: string;
  run(report: Report): Promise<void>;
}
