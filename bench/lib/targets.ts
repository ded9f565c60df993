import { DRAIN, latencyOf, type Report, type Target, throughputOf } from './report.ts';
import { SERVICES } from './services.ts';

type Measured = Omit<Report, 'targets'>;

/** Compares what was measured with what the project has set itself. */
export function targetsOf(report: Measured): Target[] {
  const targets: Target[] = [];
  const target = (what: string, value: number, sign: '≤' | '≥', bound: number): void => {
    if (Number.isNaN(value)) return;
    targets.push({ what, value, bound: `${sign} ${bound}`, isMet: sign === '≤' ? value <= bound : value >= bound });
  };
  const rate = (...key: Parameters<typeof of>) => of(...key)?.rate.median ?? Number.NaN;
  const cpu = (...key: Parameters<typeof of>) => of(...key)?.cpuMicrosPerMessage.median ?? Number.NaN;
  const of = (
    ...[service, by, variant]: Parameters<typeof throughputOf> extends [unknown, ...infer Rest] ? Rest : never
  ) => throughputOf(report, service, by, variant);

  target('enrich: CPU a message, to the bare client', cpu('enrich', 'ours') / cpu('enrich', 'bare'), '≤', 1.25);
  target('enrich: CPU a message, in µs', cpu('enrich', 'ours'), '≤', 15);
  target('enrich: rate, to the bare client', rate('enrich', 'ours') / rate('enrich', 'bare'), '≥', 0.8);
  target('enrich: rate, to the plain way', rate('enrich', 'ours') / rate('enrich', 'plain'), '≥', 5);
  target(
    'ingestion: rate, to bare MQTT.js that drains',
    rate('ingestion', 'ours') / rate('ingestion', 'bare', DRAIN),
    '≥',
    0.8,
  );
  target(
    'ingestion: CPU a message above that, in µs',
    cpu('ingestion', 'ours') - cpu('ingestion', 'bare', DRAIN),
    '≤',
    8,
  );
  target('icestore: rate, to the bare clients', rate('icestore', 'ours') / rate('icestore', 'bare'), '≥', 0.8);
  const [ours, theirs] = report.insert;
  if (ours !== undefined && theirs !== undefined) {
    target(
      'bigqueries: CPU a row, to table.insert',
      ours.cpuMicrosPerRow.median / theirs.cpuMicrosPerRow.median,
      '≤',
      0.333,
    );
  }
  for (const service of SERVICES) {
    const p99 = (by: 'ours' | 'bare') => latencyOf(report, service, by)?.latency.p99 ?? Number.NaN;
    target(`${service}: p99 at 1,000/s, to the bare client`, p99('ours') / p99('bare'), '≤', 2);
    target(`${service}: idle CPU, in %`, report.idleCpuPercent[service] ?? Number.NaN, '≤', 1);
  }
  if (report.rss !== undefined) target('RSS at 10⁶ messages, to 10⁵', report.rss.at1e6 / report.rss.at1e5, '≤', 1.15);
  return targets;
}
