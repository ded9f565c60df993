import type { ServiceName } from '../../src/services/services.ts';
import type { Latency, Sample } from './meter.ts';
import type { Implementation } from './services.ts';
import type { Spread } from './statistics.ts';

/** One case at saturation, over its rounds. */
export interface ThroughputCase {
  readonly service: ServiceName;
  readonly by: Implementation;
  /** The difference from the standard case, for example `redis hit`; empty for the standard case. */
  readonly variant: string;
  readonly payloadBytes: number;
  readonly rate: Spread;
  readonly cpuMicrosPerMessage: Spread;
  readonly peakRssMb: number;
  readonly maxInFlight: number | undefined;
  /** The busiest process in most rounds, whether or not it was saturated. */
  readonly saturated: string;
  /** Share of one core that each process used, in 2 decimals: medians of the rounds. Older files have none. */
  readonly utilizations?: Readonly<Record<string, number>>;
}

export interface LatencyCase {
  readonly service: ServiceName;
  readonly by: Implementation;
  readonly ratePerSecond: number;
  readonly rounds: number;
  /** Milliseconds, medians of the rounds. */
  readonly latency: Latency;
  readonly cpuMicrosPerMessage: number;
}

export interface OperatorCase {
  readonly operator: string;
  readonly beside: string;
  readonly nanosPerItem: Spread;
  readonly besideNanosPerItem: Spread;
  readonly bytesPerItem: number;
  readonly besideBytesPerItem: number;
}

export interface GrowthCase {
  readonly what: string;
  readonly at: number;
  readonly unit: string;
  readonly value: number;
}

export interface InsertCase {
  readonly way: string;
  readonly cpuMicrosPerRow: Spread;
}

/** Messages per second of ingestion, by ordering: buckets of devices, single devices, or none. */
export interface OrderedRates {
  readonly rate: Spread;
  /** By buckets, with `mqtt.ackOrder: asCompleted`. */
  readonly asCompletedRate: Spread;
  readonly perDeviceRate: Spread;
  readonly unorderedRate: Spread;
}

/** Rates of icestore and bigqueries with a delay of each upload and insert. */
export interface ObjectRates {
  /** Objects per second. */
  readonly rate: Spread;
  readonly cpuMicrosPerObject: Spread;
  readonly linesPerObject: Spread;
  /** Rows per second. */
  readonly rowRate: Spread;
  readonly cpuMicrosPerRow: Spread;
}

export interface SoakCase {
  readonly service: ServiceName;
  readonly ratePerSecond: number;
  readonly seconds: number;
  /** MB per hour, with the 95 % confidence interval, over means of blocks of time (`slopeOf`). */
  readonly heap: { readonly slope: number; readonly low: number; readonly high: number };
  readonly rss: { readonly slope: number; readonly low: number; readonly high: number };
  readonly samples: readonly Sample[];
}

export interface Target {
  readonly what: string;
  readonly bound: string;
  /** For quantities that are compared in rounds: the median of the rounds. */
  readonly value: number;
  /** The lowest and the highest of the rounds, if there are several. */
  readonly range?: { readonly min: number; readonly max: number };
  readonly isMet: boolean;
}

/** All measurements of one run. */
export interface Report {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly isQuick: boolean;
  readonly operators: readonly OperatorCase[];
  readonly throughput: readonly ThroughputCase[];
  readonly latency: readonly LatencyCase[];
  readonly insert: readonly InsertCase[];
  /** Dead letters per second, at 30 ms per publish request. Missing in older files. */
  readonly deadLetterRate?: Spread | undefined;
  readonly ordered?: OrderedRates | undefined;
  /** Missing in older files. */
  readonly objects?: ObjectRates | undefined;
  readonly idleCpuPercent: Readonly<Partial<Record<ServiceName, number>>>;
  readonly growth: readonly GrowthCase[];
  /** RSS at 100,000 and 1,000,000 messages, in MB. */
  readonly rss: { readonly at1e5: number; readonly at1e6: number } | undefined;
  /** Memory during the run of a million messages. */
  readonly memory: readonly Sample[];
  readonly soak: SoakCase | undefined;
  readonly targets: readonly Target[];
}

/** The variant that a target's rate is compared with: bare MQTT.js that discards messages. */
export const DRAIN = 'drain only';

export function throughputOf(
  { throughput }: Pick<Report, 'throughput'>,
  service: ServiceName,
  by: Implementation,
  variant = '',
  payloadBytes = 200,
): ThroughputCase | undefined {
  return throughput.find(
    (each) =>
      each.service === service && each.by === by && each.variant === variant && each.payloadBytes === payloadBytes,
  );
}

export function latencyOf(
  { latency }: Pick<Report, 'latency'>,
  service: ServiceName,
  by: Implementation,
  ratePerSecond = 1_000,
): LatencyCase | undefined {
  return latency.find((each) => each.service === service && each.by === by && each.ratePerSecond === ratePerSecond);
}
