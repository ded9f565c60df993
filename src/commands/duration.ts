import { InvalidArgumentError } from 'commander';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
/** The most that a timer can wait: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** Reads a duration of the command line, such as `500ms`, `30s`, `5m` or `1.5h`, in milliseconds. */
export function duration(text: string): number {
  const [, number = '', unit = ''] = DURATION.exec(text) ?? [];
  const ms = Number(number) * (UNITS_MS[unit] ?? Number.NaN);
  if (ms > 0 && ms <= LONGEST_MS) return ms;
  throw new InvalidArgumentError('Expected a duration above 0 and up to 24 days, such as 500ms, 30s, 5m, 1.5h or 1d.');
}
