import type { MinuteCount } from '../../core/minute-counts.ts';
import type { LedgerReport } from '../../http/snapshot.ts';

/** The counts of a pipeline: the sum of its replicas. */
export interface PipelineBooks {
  readonly service: string;
  readonly pipeline: string;
  readonly replicas: number;
  /** When the last replica started counting. RFC 3339. */
  readonly startedAt: string;
  readonly received: number;
  /** Received, without redeliveries of messages that went back or expired. */
  readonly firstDeliveries: number;
  readonly acked: number;
  readonly deadLettered: number;
  readonly dropped: number;
  /** Went back or expired: they are redelivered. */
  readonly wentBack: number;
  readonly inFlight: number;
  readonly isBalanced: boolean;
}

/** A topic that one pipeline reads and others write to. */
export interface Link {
  readonly from: readonly string[];
  readonly to: string;
  /** Short name of the topic. */
  readonly topic: string;
  /** Acknowledged by the pipelines that write to the topic. */
  readonly written: number;
  /** First deliveries of the pipeline that reads it. */
  readonly read: number;
  /** Written but not read: waiting in the subscription, unless one side has not counted all messages. */
  readonly difference: number;
}

/** Messages whose publish time is in one minute. */
export interface MinuteRow {
  readonly minute: string;
  /** False while messages of this minute may still be published. */
  readonly isOver: boolean;
  /** False if a pipeline had not started before this minute, and may have counted only a part. */
  readonly isShared: boolean;
  /** Settled by the pipelines that read from devices. */
  readonly published: number;
  /** Acknowledged, by pipeline. */
  readonly acked: Readonly<Record<string, number>>;
  readonly deadLettered: number;
  readonly dropped: number;
  /** The largest difference of all links, and its link; undefined if there is no difference. */
  readonly largest: { readonly difference: number; readonly at: string } | undefined;
}

/** The ledger of a platform, as far as its running services know. */
export interface PlatformLedger {
  readonly pipelines: readonly PipelineBooks[];
  readonly links: readonly Link[];
  /** The first UTC minute in which every pipeline was counting. */
  readonly sharedFrom: string;
  readonly minutes: readonly MinuteRow[];
}

interface Pipeline {
  readonly books: PipelineBooks;
  readonly inputTopic: string | undefined;
  readonly outputs: readonly string[];
  readonly minutes: ReadonlyMap<string, MinuteCount>;
  readonly now: string;
}

/** Compares the counts of services: an estimate, because they are read while messages move. */
export function platformLedger(reports: readonly LedgerReport[]): PlatformLedger {
  const pipelines = inOrder(
    [...Map.groupBy(reports, ({ service, pipeline }) => `${service}/${pipeline}`).values()].map(joined),
  );
  const writersOf = ({ inputTopic }: Pipeline) =>
    pipelines.filter(({ outputs }) => inputTopic !== undefined && outputs.includes(inputTopic));
  const linked = pipelines.map((reader) => ({ reader, writers: writersOf(reader) }));
  const readers = linked.filter(({ writers }) => writers.length > 0);
  const sources = linked.flatMap(({ reader, writers }) => (writers.length > 0 ? [] : [reader]));

  const latestStart =
    pipelines
      .map(({ books: { startedAt } }) => startedAt)
      .sort()
      .at(-1) ?? '';
  const sharedFrom = minuteAfter(latestStart);
  const thisMinute =
    pipelines
      .map(({ now }) => now)
      .sort()
      .at(-1)
      ?.slice(0, MINUTE_LENGTH) ?? '';
  const all = [...new Set(pipelines.flatMap(({ minutes }) => [...minutes.keys()]))].sort();
  return {
    pipelines: pipelines.map(({ books }) => books),
    links: readers.map(({ reader, writers }) => {
      const written = sumOf(writers, ({ books }) => books.acked);
      const read = reader.books.firstDeliveries;
      return {
        from: writers.map(({ books }) => books.pipeline),
        to: reader.books.pipeline,
        topic: reader.inputTopic?.split('/').at(-1) ?? '',
        ...{ written, read, difference: written - read },
      };
    }),
    sharedFrom,
    minutes: all.map((minute): MinuteRow => {
      const differences = readers.map(({ reader, writers }) => ({
        difference: sumOf(writers, (writer) => ackedIn(writer, minute)) - settledIn(reader, minute),
        at: `${writers.map(({ books }) => books.pipeline).join(' and ')} → ${reader.books.pipeline}`,
      }));
      const [largest] = differences
        .filter(({ difference }) => difference !== 0)
        .sort((one, other) => Math.abs(other.difference) - Math.abs(one.difference));
      return {
        minute,
        isOver: minute < thisMinute,
        isShared: minute >= sharedFrom,
        published: sumOf(sources, (source) => settledIn(source, minute)),
        acked: Object.fromEntries(pipelines.map((each) => [each.books.pipeline, ackedIn(each, minute)])),
        deadLettered: sumOf(pipelines, ({ minutes }) => minutes.get(minute)?.deadLettered ?? 0),
        dropped: sumOf(pipelines, ({ minutes }) => minutes.get(minute)?.dropped ?? 0),
        largest,
      };
    }),
  };
}

const MINUTE_LENGTH = 16;
const MINUTE_MS = 60_000;

/** The first minute that begins after a time. */
function minuteAfter(time: string): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? '' : new Date(ms + MINUTE_MS - 1).toISOString().slice(0, MINUTE_LENGTH);
}

function sumOf<T>(items: readonly T[], read: (item: T) => number): number {
  return items.reduce((sum, item) => sum + read(item), 0);
}

const ackedIn = ({ minutes }: Pipeline, minute: string): number => minutes.get(minute)?.acked ?? 0;

function settledIn({ minutes }: Pipeline, minute: string): number {
  const { acked, deadLettered, dropped } = minutes.get(minute) ?? { acked: 0, deadLettered: 0, dropped: 0 };
  return acked + deadLettered + dropped;
}

function joined(replicas: readonly LedgerReport[]): Pipeline {
  const [first] = replicas;
  const sum = (read: (ledger: LedgerReport['ledger']) => number) => sumOf(replicas, ({ ledger }) => read(ledger));
  const minutes = new Map<string, MinuteCount>();
  for (const { minute, acked, deadLettered, dropped } of replicas.flatMap((replica) => replica.minutes)) {
    const known = minutes.get(minute) ?? { minute, acked: 0, deadLettered: 0, dropped: 0 };
    minutes.set(minute, {
      ...{ minute, acked: known.acked + acked },
      ...{ deadLettered: known.deadLettered + deadLettered, dropped: known.dropped + dropped },
    });
  }
  const wentBack = sum(({ nacked, expired }) => nacked + expired);
  return {
    books: {
      service: first?.service ?? '',
      pipeline: first?.pipeline ?? '',
      replicas: replicas.length,
      startedAt:
        replicas
          .map(({ startedAt }) => startedAt)
          .sort()
          .at(-1) ?? '',
      received: sum(({ received }) => received),
      firstDeliveries: sum(({ received }) => received) - wentBack,
      acked: sum(({ acked }) => acked),
      deadLettered: sum(({ deadLettered }) => deadLettered),
      dropped: sum(({ dropped }) => dropped),
      wentBack,
      inFlight: sum(({ inFlight }) => inFlight),
      isBalanced: replicas.every(({ ledger }) => ledger.balanced),
    },
    inputTopic: first?.wiring.inputTopic,
    outputs: [...new Set(replicas.flatMap(({ wiring }) => wiring.outputs))],
    minutes,
    now:
      replicas
        .map(({ now }) => now)
        .sort()
        .at(-1) ?? '',
  };
}

/** In data-flow order: a pipeline comes after those that write to its topic. */
function inOrder(pipelines: readonly Pipeline[]): Pipeline[] {
  const ordered: Pipeline[] = [];
  const waiting = new Set(pipelines);
  while (waiting.size > 0) {
    const isReady = ({ inputTopic }: Pipeline) =>
      ![...waiting].some(({ outputs }) => inputTopic !== undefined && outputs.includes(inputTopic));
    // Pipelines that form a cycle keep the order in which they were named.
    const [next] = [...[...waiting].filter(isReady), ...waiting];
    if (next === undefined) break;
    ordered.push(next);
    waiting.delete(next);
  }
  return ordered;
}
