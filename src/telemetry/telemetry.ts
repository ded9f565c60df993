import type { TracerProvider } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { Ring } from '../util/ring.ts';
import { EVENTS, type EventName } from './events.ts';
import type { LogFormat } from './log-format.ts';
import { type LogDestination, openLogger } from './logger.ts';
import type { Tracing } from './tracing.ts';

export interface TelemetryOptions {
  /** Name of the pipeline, a label of every metric and a field of every log line. Default: the service's name. */
  readonly pipeline?: string;
  /** `trace` … `fatal`, or `silent`. */
  readonly level: string;
  /** Destination of log lines, one JSON object each. Default: that of the format. */
  readonly destination?: LogDestination;
  /** Default: `auto`. */
  readonly format?: LogFormat;
  /** Process metrics (CPU, memory, event loop). Off if several services share a process. Default: true. */
  readonly processMetrics?: boolean;
  /** Provider of OpenTelemetry that records the traces. Default: one that exports to `traces.endpoint`. */
  readonly tracerProvider?: TracerProvider;
  /** A monotonic clock in ms. Default: the process's. */
  readonly now?: () => number;
}

/** Log lines of one event per window; further ones are counted and reported with the next line. */
const LINES_PER_WINDOW = 20;
const WINDOW_MS = 10_000;

/**
 * The interval at which the event loop's delay is sampled. Each sample wakes the process, and includes the time between
 * two samples: see docs/decisions/0022-keep-bookkeeping-cheap.md.
 */
const EVENT_LOOP_SAMPLE_MS = 50;

/** Gauges of prom-client that are named like counters; the same names without `_total` report them by type. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Events that are kept for the live page. */
const RECENT_EVENTS = 100;

/** An event as it was logged. */
export interface LoggedEvent {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly name: EventName;
  readonly fields: Record<string, unknown>;
}

/** Spans so far. Those that ended and were neither exported nor failed wait, or were dropped because too many waited. */
export interface SpanCounts {
  ended: number;
  exported: number;
  failed: number;
}

interface Throttle {
  windowStart: number;
  lines: number;
  suppressed: number;
}

/** One service's log and metrics. */
export class Telemetry {
  readonly log: Logger;
  readonly registry = new Registry();
  /** Name of the pipeline. */
  readonly pipeline: string;
  /** The latest events that were logged. */
  readonly recent = new Ring<LoggedEvent>(RECENT_EVENTS);
  /** Every histogram so far. */
  readonly histograms: PlainHistogram[] = [];
  /** Set before the parts of a service are built; undefined if it records no traces. */
  tracing: Tracing | undefined;
  readonly spans: SpanCounts = { ended: 0, exported: 0, failed: 0 };
  readonly #events: Counter<'event'>;
  readonly #now: () => number;
  readonly #throttles = new Map<EventName, Throttle>();

  constructor(service: string, options: TelemetryOptions) {
    const { pipeline = service, level, format } = options;
    this.pipeline = pipeline;
    this.#now = options.now ?? (() => performance.now());
    const { log, destination } = openLogger({ service, pipeline }, { level, format, destination: options.destination });
    this.log = log;
    this.registry.setDefaultLabels({ service, pipeline });
    if (options.processMetrics ?? true) {
      collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS });
      for (const name of MISNAMED) this.registry.removeSingleMetric(name);
    }
    this.#events = new Counter({
      name: 'dataflow_events_total',
      help: 'Named events; each is also a log line.',
      labelNames: ['event'],
      registers: [this.registry],
    });
    // `rate()` and `increase()` miss the first event of a series that begins with it.
    for (const event of Object.keys(EVENTS)) this.#events.inc({ event }, 0);
    this.counter(
      'dataflow_log_lines_dropped_total',
      'Log lines that were not written: the log is closed, full, or its reader has stopped reading.',
      () => [[{}, destination.dropped ?? 0]],
      [],
    );
    this.counter(
      'dataflow_spans_total',
      'Spans of traces that ended, were accepted by the collector, or failed. The rest waits or was dropped.',
      () => [
        [{ state: 'ended' }, this.spans.ended],
        [{ state: 'exported' }, this.spans.exported],
        [{ state: 'failed' }, this.spans.failed],
      ],
      ['state'],
    );
  }

  /** Counts and logs an event. A flood of one event is counted in full and logged in part. */
  event(name: EventName, fields: Record<string, unknown> = {}): void {
    this.#events.inc({ event: name });
    const { level, message } = EVENTS[name];
    const now = this.#now();
    let throttle = this.#throttles.get(name);
    if (throttle === undefined || now - throttle.windowStart > WINDOW_MS) {
      throttle = { windowStart: now, lines: 0, suppressed: throttle?.suppressed ?? 0 };
      this.#throttles.set(name, throttle);
    }
    if (throttle.lines >= LINES_PER_WINDOW) {
      throttle.suppressed += 1;
      return;
    }
    throttle.lines += 1;
    const { suppressed } = throttle;
    throttle.suppressed = 0;
    const logged = suppressed > 0 ? { ...fields, suppressed } : fields;
    this.recent.push({ time: Date.now(), name, fields: logged });
    this.log[level]({ event: name, ...logged }, message);
  }

  /** A counter whose value is a plain number in the program, read on each scrape. */
  counter<L extends string>(name: string, help: string, read: Reading<L>, labelNames: readonly L[]): void {
    const counter: Counter<L> = new Counter<L>({
      ...this.#described(name, help, labelNames),
      collect: () => rewrite(counter, read, (labels, value) => counter.inc(labels, value)),
    });
  }

  /** A gauge, read on each scrape. */
  gauge<L extends string>(name: string, help: string, read: Reading<L>, labelNames: readonly L[]): void {
    const gauge: Gauge<L> = new Gauge<L>({
      ...this.#described(name, help, labelNames),
      collect: () => rewrite(gauge, read, (labels, value) => gauge.set(labels, value)),
    });
  }

  /** Creates a histogram of seconds or sizes, and returns the function that observes a value. */
  histogram(name: string, help: string, buckets: number[]): (value: number) => void {
    const histogram = new PlainHistogram({ name, help, buckets, registry: this.registry });
    this.histograms.push(histogram);
    return histogram.observe;
  }

  #described<L extends string>(name: string, help: string, labelNames: readonly L[]) {
    return { name, help, labelNames, registers: [this.registry] };
  }
}

/** Reads the values of a metric, each with its labels. */
export type Reading<L extends string> = () => Iterable<readonly [labels: Record<L, string>, value: number]>;

function rewrite<L extends string>(
  metric: { reset(): void },
  read: Reading<L>,
  write: (labels: Record<L, string>, value: number) => void,
): void {
  metric.reset();
  for (const [labels, value] of read()) write(labels, value);
}

/** Buckets for the duration of a call to another server, in seconds. */
export const CALL_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** From a minute to four days. */
const LONG_SECONDS = [90, 120, 180, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800, 345_600];
/** Buckets for the age of a message, which includes the time that a backlog holds it. */
export const AGE_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, ...LONG_SECONDS];
const BUCKETS_BEYOND = 3;

/** Returns buckets for the time of a message in a service that may hold it this long on purpose; three lie beyond. */
export function settleSeconds(maxWaitMs: number): number[] {
  const all = [...CALL_SECONDS, ...LONG_SECONDS];
  const within = all.filter((bound) => bound * 1_000 <= maxWaitMs).length;
  return all.slice(0, Math.max(CALL_SECONDS.length, within + BUCKETS_BEYOND));
}

export interface PlainHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  readonly registry: Registry;
}

/** The counts of a histogram at one moment. */
export interface HistogramCounts {
  readonly name: string;
  readonly help: string;
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly count: number;
}

/**
 * A histogram whose counts are plain numbers, read on each scrape. prom-client's own builds and hashes its labels for
 * each value, which took 2 % of a service's CPU time with one value per message.
 */
export class PlainHistogram extends Gauge<'le'> {
  readonly #name: string;
  readonly #help: string;
  readonly #buckets: readonly number[];
  readonly #counts: Float64Array;
  readonly #description: Histogram;
  #sum = 0;
  #count = 0;

  constructor({ name, help, buckets, registry }: PlainHistogramOptions) {
    super({ name, help, labelNames: ['le'], registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#buckets = buckets;
    this.#counts = new Float64Array(buckets.length);
    this.#description = new Histogram({ name, help, registers: [] });
  }

  /** Bound, so that it can be passed as a callback. */
  readonly observe = (value: number): void => {
    this.#sum += value;
    this.#count += 1;
    for (let index = 0; index < this.#buckets.length; index += 1) {
      if (value > (this.#buckets[index] ?? 0)) continue;
      this.#counts[index] = (this.#counts[index] ?? 0) + 1;
      return;
    }
  };

  /** The counts at this moment: of values up to each bound and above the one before it, and of all values. */
  get counts(): HistogramCounts {
    return {
      ...{ name: this.#name, help: this.#help, bounds: this.#buckets },
      ...{ counts: [...this.#counts], count: this.#count },
    };
  }

  override async get() {
    let below = 0;
    const buckets = this.#buckets.map((le, index) => {
      below += this.#counts[index] ?? 0;
      return { metricName: `${this.#name}_bucket`, labels: { le: le as number | string }, value: below };
    });
    const values = [
      ...buckets,
      { metricName: `${this.#name}_bucket`, labels: { le: '+Inf' }, value: this.#count },
      { metricName: `${this.#name}_sum`, labels: {}, value: this.#sum },
      { metricName: `${this.#name}_count`, labels: {}, value: this.#count },
    ];
    return { ...(await this.#description.get()), values };
  }
}
