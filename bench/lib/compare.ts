import { readFileSync } from 'node:fs';
import type { Report } from './report.ts';

/** The change of every rate, cost and latency against a saved run, in percent. */
export function comparison(report: Report, file: string): string {
  const before: Report = JSON.parse(readFileSync(file, 'utf8'));
  const lines = [`\nAgainst ${file} (${before.date})`];
  const change = (what: string, now: number, then: number | undefined): void => {
    if (then === undefined || Number.isNaN(now / then)) return;
    const percent = (now / then - 1) * 100;
    lines.push(`${what}: ${percent >= 0 ? '+' : ''}${percent.toFixed(1)} %`);
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
  return `${lines.join('\n')}\n`;
}
