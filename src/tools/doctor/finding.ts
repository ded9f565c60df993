/** From best to worst. An error prevents messages from reaching their target, or loses them. */
export const SEVERITIES = ['ok', 'note', 'warning', 'error'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One finding of the doctor. */
export interface Finding {
  /** The resource or server, such as `subscription raw-enrich`. */
  readonly part: string;
  readonly severity: Severity;
  readonly what: string;
  /** The command, setting or role that fixes it. */
  readonly remedy?: string;
}

export type Report = (severity: Severity, what: string, remedy?: string) => void;

/** A check of one resource or server. If it throws, that is reported as a finding of the severity `error`. */
export interface Check {
  readonly part: string;
  run(report: Report): Promise<void>;
}
