import type { Report, ThroughputCase } from './report.ts';
import { spread } from './statistics.ts';

/** A report for tests, without measurements. */
export const EMPTY: Report = {
  date: '2026-11-26 10:10',
  node: 'v24.0.0',
  cpu: 'a machine',
  cores: 2,
  isQuick: false,
  operators: [],
  throughput: [],
  latency: [],
  insert: [],
  idleCpuPercent: {},
  growth: [],
  rss: undefined,
  memory: [],
  soak: undefined,
  targets: [],
};

/** A case with these microseconds per message in its rounds, on an otherwise idle processor. */
export function drained(
  of: Pick<ThroughputCase, 'service' | 'by'> & { readonly variant?: string },
  ...micros: readonly number[]
): ThroughputCase {
  return {
    variant: '',
    ...of,
    payloadBytes: 200,
    rate: spread(micros.map((each) => 1e6 / each)),
    cpuMicrosPerMessage: spread(micros),
    peakRssMb: 300,
    maxInFlight: undefined,
    saturated: of.service,
    utilizations: { [of.service]: 0.98, pubsub: 0.4 },
  };
}
