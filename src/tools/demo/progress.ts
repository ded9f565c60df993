import { finalize, interval, type Subscription, tap } from 'rxjs';
import type { Platform } from './platform.ts';

const TERMINAL_EVERY_MS = 200;
const LOG_EVERY_MS = 2_000;

/**
 * Shows counts and rates of each stage on standard error: in place on a terminal, otherwise periodically as a line. Ends
 * with the final counts.
 */
export function showProgress(platform: Platform, published: () => number): Subscription {
  const onTerminal = process.stderr.isTTY === true;
  const everyMs = onTerminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS;
  const stages = (): [string, number][] => [
    ['published', published()],
    ['ingested', platform.service('ingestion').ledger.acked],
    ['enriched', platform.service('enrich').ledger.acked],
    ['archived', platform.service('icestore').ledger.acked],
    ['inserted', platform.service('bigqueries').ledger.acked],
  ];
  let before = stages().map(([, count]) => count);
  let at = performance.now();
  const write = (parts: readonly string[]): void => {
    const line = parts.join('  ');
    // A wrapped line could not be overwritten.
    process.stderr.write(onTerminal ? `\r\u001b[K${line.slice(0, process.stderr.columns - 1)}` : `${line}\n`);
  };
  const show = (): void => {
    const now = performance.now();
    const current = stages();
    const parts = current.map(([name, count], index) => {
      const rate = ((count - (before[index] ?? 0)) * 1_000) / (now - at);
      return `${name} ${count.toLocaleString('en-US')} (${Math.round(rate).toLocaleString('en-US')}/s)`;
    });
    before = current.map(([, count]) => count);
    at = now;
    write(parts);
  };
  const showCounts = (): void => write(stages().map(([name, count]) => `${name} ${count.toLocaleString('en-US')}`));
  return interval(everyMs)
    .pipe(tap(show), finalize(showCounts))
    .subscribe({
      // A failing display does not end the run.
      error: () => {},
    });
}
