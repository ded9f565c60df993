import type { Report } from './report.ts';
import type { SavedRun } from './saved-run.ts';

/** The change in percent, against a saved run, of every rate, cost and latency that both have. */
export function comparison(report: Report, before: SavedRun, file: string): string {
  const lines: string[] = [];
  const change = (what: string, now: number, then: number | null | undefined): void => {
    const percent = (now / (then ?? Number.NaN) - 1) * 100;
    if (Number.isFinite(percent)) lines.push(`${what}: ${percent >= 0 ? '+' : ''}${percent.toFixed(1)} %`);
  };
  for (const each of report.throughput) {
    const then = before.throughput.find(
      ({ service, by, variant, payloadBytes }) =>
        service === each.service && by === each.by && variant === each.variant && payloadBytes === each.payloadBytes,
    );
    const name = [each.service, each.by, each.variant, `${each.payloadBytes} B`].filter(Boolean).join(', ');
    change(`${name}, messages/s`, each.rate.median, then?.rate.median);
    change(`${name}, CPU`, each.cpuMicrosPerMessage.median, then?.cpuMicrosPerMessage.median);
  }
  for (const each of report.latency) {
    const then = before.latency.find(
      ({ service, by, ratePerSecond }) =>
        service === each.service && by === each.by && ratePerSecond === each.ratePerSecond,
    );
    change(`${each.service}, ${each.by}, p99 at ${each.ratePerSecond}/s`, each.latency.p99, then?.latency.p99);
  }
  for (const { way, cpuMicrosPerRow } of report.insert) {
    const then = before.insert.find((each) => each.way === way);
    change(`inserting by ${way}, CPU`, cpuMicrosPerRow.median, then?.cpuMicrosPerRow.median);
  }
  for (const { what, at, unit, value } of report.growth) {
    const then = before.growth.find((each) => each.what === what && each.at === at && each.unit === unit);
    change(`growth, ${at.toLocaleString('en')} ${what}, ${unit}`, value, then?.value);
  }
  if (lines.length === 0) lines.push('nothing that both have measured');
  return `\nAgainst ${file} (${before.date})\n${lines.join('\n')}\n`;
}
