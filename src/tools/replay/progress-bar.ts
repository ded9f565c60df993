const WIDTH = 12;

export interface BarState {
  readonly done: number;
  readonly of: number;
  readonly seconds: number;
  /** Time of the data, in milliseconds since 1970. */
  readonly atMs?: number | undefined;
}

/** Formats a line such as `[######------]  50 %  5,000 of 10,000  1,250/s  2026-01-01T00:00:00Z  4 s left`. */
export function progressBar({ done, of, seconds, atMs }: BarState): string {
  const share = of === 0 ? 1 : Math.min(1, done / of);
  const full = Math.floor(share * WIDTH);
  const rate = seconds > 0 ? done / seconds : 0;
  const parts = [
    `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${String(Math.floor(share * 100)).padStart(3)} %`,
    `${done.toLocaleString('en-US')} of ${of.toLocaleString('en-US')}`,
    `${Math.round(rate).toLocaleString('en-US')}/s`,
    ...(atMs === undefined ? [] : [new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z')]),
    ...(rate > 0 && done < of ? [`${inWords((of - done) / rate)} left`] : []),
  ];
  return parts.join('  ');
}

function inWords(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}
