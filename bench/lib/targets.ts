import type { ServiceName } from '../../src/services/services.ts';
import { DRAIN, latencyOf, type Report, type Target, type ThroughputCase, throughputOf } from './report.ts';
import { type Implementation, SERVICES } from './services.ts';
import { paired, type Spread } from './statistics.ts';

type Measured = Omit<Report, 'targets'>;

/** Compares the measurements with the project's targets, round by round if there are rounds. */
export function targetsOf(report: Measured): Target[] {
  const targets: Target[] = [];
  const target = (what: string, value: number, sign: '≤' | '≥', bound: number, range?: Target['range']): void => {
    if (Number.isNaN(value)) return;
    const isMet = sign === '≤' ? value <= bound : value >= bound;
    targets.push({ what, value, bound: `${sign} ${bound}`, isMet, ...(range === undefined ? {} : { range }) });
  };
  const inRounds = (what: string, measured: Spread | undefined, sign: '≤' | '≥', bound: number): void => {
    if (measured === undefined) return;
    const { median, min, max } = measured;
    target(what, median, sign, bound, { min, max });
  };
  const of = (service: ServiceName, by: Implementation, variant?: string) => throughputOf(report, service, by, variant);

  const [enrich, bareEnrich] = [of('enrich', 'ours'), of('enrich', 'bare')];
  const [ingestion, drain] = [of('ingestion', 'ours'), of('ingestion', 'bare', DRAIN)];
  inRounds('dead letters/s, at 30 ms a publish', report.deadLetterRate, '≥', 5_000);
  inRounds('ordered by 32 buckets, messages/s at 30 ms a publish', report.ordered?.rate, '≥', 5_000);
  inRounds('ordered by 32 buckets, to unordered', ratio(report.ordered?.rate, report.ordered?.unorderedRate), '≥', 0.8);
  inRounds('ordered by device, messages/s at 30 ms a publish', report.ordered?.perDeviceRate, '≥', 2_000);
  inRounds('icestore: objects/s, with 6,000 batch keys at 50 ms an upload', report.objects?.rate, '≥', 500);
  const [inserter, tableInsert] = report.insert;
  inRounds('enrich: CPU a message, to the bare client', ratio(cpu(enrich), cpu(bareEnrich)), '≤', 1.25);
  inRounds('enrich: CPU a message, in µs', cpu(enrich), '≤', 15);
  inRounds('enrich: rate, to the bare client', ratio(enrich?.rate, bareEnrich?.rate), '≥', 0.8);
  inRounds('enrich: rate, to the plain way', ratio(enrich?.rate, of('enrich', 'plain')?.rate), '≥', 5);
  inRounds('ingestion: rate, to bare MQTT.js that drains', ratio(ingestion?.rate, drain?.rate), '≥', 0.8);
  inRounds('ingestion: CPU a message above that, in µs', difference(cpu(ingestion), cpu(drain)), '≤', 8);
  inRounds(
    'icestore: rate, to the bare clients',
    ratio(of('icestore', 'ours')?.rate, of('icestore', 'bare')?.rate),
    '≥',
    0.8,
  );
  inRounds(
    'bigqueries: CPU a row, to table.insert',
    ratio(inserter?.cpuMicrosPerRow, tableInsert?.cpuMicrosPerRow),
    '≤',
    0.333,
  );
  for (const service of SERVICES) {
    const p99 = (by: 'ours' | 'bare') => latencyOf(report, service, by)?.latency.p99 ?? Number.NaN;
    target(`${service}: p99 at 1,000/s, to the bare client`, p99('ours') / p99('bare'), '≤', 2);
    target(`${service}: idle CPU, in %`, report.idleCpuPercent[service] ?? Number.NaN, '≤', 1);
  }
  if (report.rss !== undefined) target('RSS at 10⁶ messages, to 10⁵', report.rss.at1e6 / report.rss.at1e5, '≤', 1.15);
  return targets;
}

const cpu = (measured: ThroughputCase | undefined) => measured?.cpuMicrosPerMessage;

const ratio = pairing((one, other) => one / other);
const difference = pairing((one, other) => one - other);

function pairing(of: (one: number, other: number) => number) {
  return (one: Spread | undefined, other: Spread | undefined): Spread | undefined =>
    one === undefined || other === undefined ? undefined : paired(one, other, of);
}
