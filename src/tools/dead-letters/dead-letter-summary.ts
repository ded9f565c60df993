import type { DeadLetter } from '../../dead-letters/read-dead-letter.ts';
import { oneLine } from './printable.ts';

export const TIME_STEPS = ['minute', 'hour', 'day'] as const;

export type TimeStep = (typeof TIME_STEPS)[number];

/** Length of the prefix of an RFC 3339 UTC time that identifies an interval. */
const LENGTHS: Readonly<Record<TimeStep, number>> = { minute: 16, hour: 13, day: 10 };

type Counts = Readonly<Record<string, number>>;

/** Dead letters of one subscription by reason, source and time. Reasons and sources have the most frequent first. */
export interface SummaryCounts {
  readonly total: number;
  readonly byReason: Counts;
  /** By the service that dead-lettered them and the source of their messages. */
  readonly byPipeline: readonly {
    readonly service: string;
    readonly source: string;
    /** True for the source of the pipeline that was named. */
    readonly isOwn: boolean;
    readonly count: number;
    readonly byReason: Counts;
  }[];
  readonly step: TimeStep;
  /** By the time of dead-lettering, earliest first. */
  readonly byTime: readonly { readonly time: string; readonly count: number; readonly byReason: Counts }[];
  /** The error of the latest dead letter for each reason. */
  readonly latest: Readonly<Record<string, { readonly time: string; readonly id: string; readonly error: string }>>;
}

interface Source {
  readonly service: string;
  readonly source: string;
  readonly isOwn: boolean;
}

/** Counts dead letters; stores one count for each reason, source and time, but no dead letters. */
export class DeadLetterSummary {
  readonly #step: TimeStep;
  readonly #byReason = new Map<string, number>();
  readonly #bySource = new Map<string, Source & { readonly reasons: Map<string, number> }>();
  readonly #byTime = new Map<string, Map<string, number>>();
  readonly #latest = new Map<string, { time: string; id: string; error: string }>();

  constructor(step: TimeStep) {
    this.#step = step;
  }

  /** @param isOwn whether it came from the source of the pipeline that was named. */
  add({ id, reason, service, source, time, error }: DeadLetter, isOwn: boolean): void {
    increment(this.#byReason, reason);
    // Each MQTT topic is a separate source, and their number is unbounded.
    const system = source.startsWith('mqtt:') ? 'mqtt' : source;
    const key = JSON.stringify([service, system]);
    const known = this.#bySource.get(key) ?? { service, source: system, isOwn, reasons: new Map<string, number>() };
    this.#bySource.set(key, known);
    increment(known.reasons, reason);
    const at = utc(time);
    const step = at.slice(0, LENGTHS[this.#step]);
    const inStep = this.#byTime.get(step) ?? new Map<string, number>();
    this.#byTime.set(step, inStep);
    increment(inStep, reason);
    const latest = this.#latest.get(reason);
    if (latest === undefined || latest.time <= at) this.#latest.set(reason, { time: at, id, error });
  }

  get counts(): SummaryCounts {
    return {
      total: total(this.#byReason),
      byReason: sorted(this.#byReason),
      byPipeline: [...this.#bySource.values()]
        .map(({ reasons, ...source }) => ({ ...source, count: total(reasons), byReason: sorted(reasons) }))
        .sort((one, other) => other.count - one.count),
      step: this.#step,
      byTime: [...this.#byTime]
        .map(([time, reasons]) => ({ time, count: total(reasons), byReason: sorted(reasons) }))
        .sort((one, other) => (one.time < other.time ? -1 : 1)),
      latest: Object.fromEntries(this.#latest),
    };
  }
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function sorted(counts: ReadonlyMap<string, number>): Counts {
  return Object.fromEntries([...counts].sort(([, one], [, other]) => other - one));
}

/** A dead letter from another program may contain any text there. */
function utc(time: string): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? 'unknown' : new Date(ms).toISOString();
}

const BAR = 30;
const whole = (value: number): string => value.toLocaleString('en-US');

/** The counts as text. */
export function summaryPage({ total: all, byReason, byPipeline, step, byTime, latest }: SummaryCounts): string {
  if (all === 0) return 'no dead letters';
  const most = Math.max(...byTime.map(({ count }) => count));
  const reasons = Object.entries(byReason).map(([reason, count]) => [
    reason,
    whole(count),
    `${((count / all) * 100).toFixed(1)} %`,
    `${latest[reason]?.id ?? ''}  ${latest[reason]?.error ?? ''}`,
  ]);
  const sources = byPipeline.map(({ service, source, isOwn, count, byReason: of }) => [
    service === '' ? '-' : service,
    `${source}${isOwn ? ' (this pipeline)' : ''}`,
    whole(count),
    inWords(of),
  ]);
  const times = byTime.map(({ time, count, byReason: of }) => [
    time === 'unknown' ? time : `${time}Z`,
    whole(count),
    '#'.repeat(Math.max(1, Math.round((count / most) * BAR))).padEnd(BAR),
    inWords(of),
  ]);
  return [
    `${whole(all)} dead letter${all === 1 ? '' : 's'}`,
    table(['reason', 'count', 'share', 'the latest, and its error'], reasons, [1, 2]),
    table(['service', 'source', 'count', 'reasons'], sources, [2]),
    table([step, 'count', '', 'reasons'], times, [1]),
  ].join('\n\n');
}

function inWords(counts: Counts): string {
  return Object.entries(counts)
    .map(([reason, count]) => `${reason} ${whole(count)}`)
    .join(', ');
}

function table(titles: readonly string[], rows: readonly (readonly string[])[], numbers: readonly number[]): string {
  const all = [titles, ...rows].map((row) => row.map(oneLine));
  const widths = titles.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return numbers.includes(column) ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
