import { busiestOf } from './busiest.ts';
import type { Report, Target } from './report.ts';
import type { Spread } from './statistics.ts';

const number = (value: number, digits = 0): string =>
  Number.isNaN(value)
    ? '-'
    : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

const ranged = ({ median, min, max }: Omit<Spread, 'values'>, digits = 0): string =>
  `${number(median, digits)} (${number(min, digits)}–${number(max, digits)})`;

/** Columns as wide as their widest cell; the first is left-aligned, the others right-aligned. */
function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return `\n${title}\n${[head, ...rows].map(line).join('\n')}\n`;
}

/** The report for people: medians, with the lowest and the highest round. */
export function tablesOf(report: Report): string {
  return [
    `${report.date}, Node ${report.node}, ${report.cores} cores of ${report.cpu}`,
    table(
      'Operators, each alone',
      ['operator', 'ns per item', 'B per item', 'RxJS', 'ns per item', 'B per item'],
      report.operators.map((each) => [
        each.operator,
        ranged(each.nanosPerItem),
        number(each.bytesPerItem),
        each.beside,
        ranged(each.besideNanosPerItem),
        number(each.besideBytesPerItem),
      ]),
    ),
    table(
      'Saturation: a backlog is drained',
      ['service', 'payload', 'messages/s', 'CPU µs each', 'peak RSS MB', 'in flight', 'busiest'],
      report.throughput.map((each) => [
        `${each.service}, ${each.by}${each.variant === '' ? '' : `, ${each.variant}`}`,
        `${each.payloadBytes} B`,
        ranged(each.rate),
        ranged(each.cpuMicrosPerMessage, 1),
        number(each.peakRssMb),
        each.maxInFlight === undefined ? '' : number(each.maxInFlight),
        busiestOf(each),
      ]),
    ),
    table(
      'Dead letters of icestore, at 30 ms a publish request',
      ['', 'letters/s'],
      report.deadLetterRate === undefined ? [] : [['icestore, ours', ranged(report.deadLetterRate)]],
    ),
    table(
      'Ingestion of 2,000 devices, at 30 ms a publish request',
      ['order', 'messages/s'],
      report.ordered === undefined
        ? []
        : [
            ['32 buckets', ranged(report.ordered.rate)],
            ['32 buckets, PUBACKs as completed', ranged(report.ordered.asCompletedRate)],
            ['each device', ranged(report.ordered.perDeviceRate)],
            ['none', ranged(report.ordered.unorderedRate)],
          ],
    ),
    table(
      'At 50 ms an upload or insert: objects of icestore with 6,000 batch keys, rows of bigqueries',
      ['service', 'a second', 'CPU µs each', 'lines each'],
      report.objects === undefined
        ? []
        : [
            [
              'icestore, objects',
              ranged(report.objects.rate),
              ranged(report.objects.cpuMicrosPerObject),
              ranged(report.objects.linesPerObject, 1),
            ],
            ['bigqueries, rows', ranged(report.objects.rowRate), ranged(report.objects.cpuMicrosPerRow, 1), ''],
          ],
    ),
    table(
      'Latency at a rate, from sending to settlement, in ms',
      ['service', 'messages/s', 'p50', 'p99', 'p99.9', 'CPU µs each'],
      report.latency.map(({ service, by, ratePerSecond, latency, cpuMicrosPerMessage }) => [
        `${service}, ${by}`,
        number(ratePerSecond),
        number(latency.p50, 1),
        number(latency.p99, 1),
        number(latency.p999, 1),
        number(cpuMicrosPerMessage, 1),
      ]),
    ),
    table(
      'Inserting rows into BigQuery, 500 a request',
      ['way', 'CPU µs a row'],
      report.insert.map(({ way, cpuMicrosPerRow }) => [way, ranged(cpuMicrosPerRow, 1)]),
    ),
    table(
      'Growth',
      ['of', 'at', 'cost'],
      report.growth.map(({ what, at, unit, value }) => [what, number(at), `${number(value, 1)} ${unit}`]),
    ),
    report.rss === undefined
      ? ''
      : `\nRSS at 100,000 messages ${number(report.rss.at1e5)} MB, at 1,000,000 ${number(report.rss.at1e6)} MB\n`,
    report.soak === undefined
      ? ''
      : `\nSoak, ${report.soak.seconds} s at ${number(report.soak.ratePerSecond)}/s: heap ${slope(report.soak.heap)}, RSS ${slope(report.soak.rss)}\n`,
    table(
      'Targets',
      ['target', 'bound', 'measured', ''],
      report.targets.map((each) => [each.what, each.bound, measuredOf(each), each.isMet ? 'met' : 'MISSED']),
    ),
  ].join('');
}

/** The measured value of a target, and the range of its rounds. */
export function measuredOf({ value, range }: Target): string {
  return range === undefined ? number(value, 2) : ranged({ median: value, ...range }, 2);
}

function slope({ slope: median, low, high }: { slope: number; low: number; high: number }): string {
  return `${number(median, 1)} MB/h (95 %: ${number(low, 1)} to ${number(high, 1)})`;
}
