import type { ServiceName } from '../../src/services/services.ts';
import { DRAIN, latencyOf, type ObjectRates, type Report, throughputOf } from './report.ts';
import { SERVICES } from './services.ts';

/**
 * Medians of one service, for 200-byte payloads. Missing measurements are null or left out. For ingestion, `bare` has
 * two meanings. Rate and CPU time are of the bare client that discards messages (`drain only`), which the targets refer
 * to. Latency is of the hand-written bridge, because it ends with a settlement.
 */
export interface ServiceSummary {
  /** Messages per second at saturation, like all rates here. */
  readonly rate: number;
  /** For ingestion: of the drain. */
  readonly bareRate: number;
  readonly plainRate: number | undefined;
  /** `rate` to `bareRate`, as the two medians; a target uses the median of the rounds' own ratios. */
  readonly ratioToBare: number;
  /** Only for ingestion: of the hand-written bridge, which publishes the messages that it receives. */
  readonly bareBridgeRate?: number;
  /** At saturation. */
  readonly cpuMicrosPerMessage: number | undefined;
  /** For ingestion: of the drain. */
  readonly bareCpuMicrosPerMessage: number | undefined;
  /** At 1,000 messages per second, like all latencies here. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** For ingestion: of the bridge. */
  readonly bareP99Ms: number | undefined;
  /** At saturation. */
  readonly peakRssMb: number | undefined;
  readonly maxInFlightSeen: number | undefined;
}

/** The last line that `--json` prints. */
export interface Summary {
  /** Left out if only `ordered` or `objects` was measured. */
  readonly services?: Readonly<Record<string, ServiceSummary>>;
  /** Medians of messages per second. */
  readonly ordered?: {
    readonly rate: number;
    readonly asCompletedRate: number;
    readonly perDeviceRate: number;
    readonly unorderedRate: number;
  };
  /** Medians at 50 ms per upload or insert; rates are per second. */
  readonly objects?: Readonly<Record<keyof ObjectRates, number>>;
  /** RSS of enrich during a million messages, in MB. */
  readonly growth?: { readonly rssMbAt1e5: number; readonly rssMbAt1e6: number };
}

export function summaryOf(report: Report): Summary {
  const { rss, ordered, objects, throughput } = report;
  const services = Object.fromEntries(SERVICES.map((service) => [service, serviceOf(report, service)]));
  return {
    ...((ordered ?? objects) !== undefined && throughput.length === 0 ? {} : { services }),
    ...(rss === undefined ? {} : { growth: { rssMbAt1e5: rss.at1e5, rssMbAt1e6: rss.at1e6 } }),
    ...(ordered === undefined
      ? {}
      : {
          ordered: {
            rate: Math.round(ordered.rate.median),
            asCompletedRate: Math.round(ordered.asCompletedRate.median),
            perDeviceRate: Math.round(ordered.perDeviceRate.median),
            unorderedRate: Math.round(ordered.unorderedRate.median),
          },
        }),
    ...(objects === undefined
      ? {}
      : {
          objects: {
            rate: Math.round(objects.rate.median),
            cpuMicrosPerObject: Math.round(objects.cpuMicrosPerObject.median),
            linesPerObject: objects.linesPerObject.median,
            rowRate: Math.round(objects.rowRate.median),
            cpuMicrosPerRow: objects.cpuMicrosPerRow.median,
          },
        }),
  };
}

function serviceOf(report: Report, service: ServiceName): ServiceSummary {
  const ours = throughputOf(report, service, 'ours');
  const bare = throughputOf(report, service, 'bare', service === 'ingestion' ? DRAIN : '');
  const bridge = service === 'ingestion' ? throughputOf(report, service, 'bare') : undefined;
  const rate = ours?.rate.median ?? Number.NaN;
  const bareRate = bare?.rate.median ?? Number.NaN;
  const latency = latencyOf(report, service, 'ours')?.latency;
  return {
    rate,
    bareRate,
    plainRate: throughputOf(report, service, 'plain')?.rate.median,
    ratioToBare: rate / bareRate,
    ...(bridge === undefined ? {} : { bareBridgeRate: bridge.rate.median }),
    cpuMicrosPerMessage: ours?.cpuMicrosPerMessage.median,
    bareCpuMicrosPerMessage: bare?.cpuMicrosPerMessage.median,
    p50Ms: latency?.p50,
    p99Ms: latency?.p99,
    bareP99Ms: latencyOf(report, service, 'bare')?.latency.p99,
    peakRssMb: ours?.peakRssMb,
    maxInFlightSeen: ours?.maxInFlight,
  };
}
