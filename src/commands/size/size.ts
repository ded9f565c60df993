import { type ServiceSize, sizePlatform } from '../../tools/size/size.ts';
import { EXIT } from '../exit-codes.ts';

/** Options of the command `size`, under their command-line names. Latencies in milliseconds. */
export interface SizeCommandOptions {
  readonly rate: number;
  readonly latency: number;
  readonly storageLatency?: number;
  readonly bigqueryLatency?: number;
  readonly lookupLatency?: number;
  readonly devices: number;
  readonly bytes: number;
  readonly order: 'none' | 'device' | 'buckets';
  readonly buckets: number;
  readonly places: number;
  /** Percent. */
  readonly misses: number;
  readonly redisMisses: number;
  readonly json: boolean;
}

/** `size`: prints what each service needs for a load, by the formulas of docs/performance.md. */
export async function size(options: SizeCommandOptions): Promise<number> {
  const { rate, latency, devices, bytes, order, buckets, places, misses, redisMisses, json } = options;
  const services = sizePlatform({
    ...{ rate, devices, bytes, order, buckets, places },
    pubsubMs: latency,
    storageMs: options.storageLatency ?? latency,
    bigqueryMs: options.bigqueryLatency ?? latency,
    lookupMs: options.lookupLatency ?? latency,
    memoryMisses: misses / 100,
    redisMisses: redisMisses / 100,
  });
  if (json) {
    console.log(JSON.stringify({ services }));
    return EXIT.clean;
  }
  console.log(table(services));
  for (const { service, settings } of services) {
    const set = settings.map(({ name, value }) => `${name} ${count(value)}`).join(', ');
    console.log(`${`${service}:`.padEnd(WIDTHS[0])}  ${set}`);
  }
  const notes = services.flatMap(({ service, notes }) => notes.map((note) => `${service}: ${note}`));
  if (notes.length > 0) console.log(`\n${notes.join('\n')}`);
  return EXIT.clean;
}

const count = (value: number): string => value.toLocaleString('en-US');
const WIDTHS = [11, 8, 17, 7, 8, 10, 17, 9] as const;
const HEAD = ['service', 'replicas', 'bound by', 'cores', 'CPU µs', 'settle ms', 'requests/s', 'memory MB'] as const;

function table(services: readonly ServiceSize[]): string {
  const rows = services.map((one) => [
    one.service,
    count(one.replicas),
    one.boundBy,
    one.cores.toFixed(1),
    one.cpuMicrosPerMessage.toFixed(1),
    count(one.settleMs),
    `${count(one.requestsPerSecond)} of ${count(one.messagesPerRequest)}`,
    count(one.memoryMegabytes),
  ]);
  const line = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[index] ?? 0))).join('  ');
  return `${[HEAD, ...rows].map(line).join('\n')}\n`;
}
