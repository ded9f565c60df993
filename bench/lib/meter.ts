import { readFileSync } from 'node:fs';
import { indexOf, nowMs, sentAtOf } from './reading.ts';

/** Latencies from the creation of a payload to its settlement, in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** One sample of the process during a run. */
export interface Sample {
  readonly seconds: number;
  readonly done: number;
  readonly rssMb: number;
  readonly heapMb: number;
  readonly cpuMicros: number;
}

/** The result of a process under test, for the measured part of its work. */
export interface Measured {
  /** Messages of the measured part. */
  readonly messages: number;
  readonly seconds: number;
  readonly rate: number;
  /** User and system time of the whole process, in microseconds per message. */
  readonly cpuMicrosPerMessage: number;
  /** Share of one core that the process used. */
  readonly utilization: number;
  readonly peakRssMb: number;
  readonly maxInFlight: number | undefined;
  /** Requests to the sink, if the subject counts them. */
  readonly requests?: number;
  readonly latency: Latency | undefined;
  readonly samples: readonly Sample[];
}

export const READY_LINE = '##ready';
export const BEGIN_LINE = '##begin';
export const RESULT_PREFIX = '##measured ';

/** The first part of a run warms up the compiler and the connections, and is not measured. */
const WARM_UP = 0.25;
const SAMPLE_MS = 200;
const MB = 1024 * 1024;

/**
 * Measures its own process, from a quarter of its messages to the last. Subjects call `settled` for each settled
 * message. The last one prints the result and ends the process. If latencies are measured, a message that is settled
 * twice is an error: the subject received more messages than were sent.
 */
export class Meter {
  readonly #total: number;
  readonly #paced: boolean;
  readonly #warmUp: number;
  readonly #maxInFlight: () => number | undefined;
  readonly #requests: () => number | undefined;
  readonly #latencies: Float64Array;
  readonly #samples: Sample[] = [];
  readonly #seen: Uint8Array;
  #measured = 0;
  #done = 0;
  #begun: { readonly at: number; readonly cpu: number; readonly done: number; readonly requests: number } | undefined;

  constructor(
    { messages, paced }: { readonly messages: number; readonly paced: boolean },
    maxInFlight: () => number | undefined = () => undefined,
    requests: () => number | undefined = () => undefined,
  ) {
    this.#total = messages;
    this.#paced = paced;
    this.#warmUp = Math.floor(messages * WARM_UP);
    this.#maxInFlight = maxInFlight;
    this.#requests = requests;
    this.#latencies = new Float64Array(paced ? messages : 0);
    this.#seen = new Uint8Array(paced ? messages : 0);
  }

  /** The subject is connected: the load may begin. */
  ready(): void {
    console.log(READY_LINE);
  }

  /** A message is safe, and the source may forget it. Its payload is read only if latencies are measured. */
  settled(message: { readonly payload: Uint8Array | string }): void {
    // Sampling starts here, because an idle process would spend its time on samples.
    if (this.#done === 0) {
      this.#sample();
      setInterval(() => this.#sample(), SAMPLE_MS).unref();
    }
    this.#done += 1;
    if (this.#paced) this.#seeOnce(asBytes(message.payload));
    if (this.#done >= this.#warmUp) {
      this.begin();
      if (this.#paced) {
        this.#latencies[this.#measured] = nowMs() - sentAtOf(asBytes(message.payload));
        this.#measured += 1;
      }
    }
    if (this.#done === this.#total) this.#end();
  }

  /** Begins the measured part now, unless it has begun. */
  begin(): void {
    if (this.#begun !== undefined) return;
    console.log(BEGIN_LINE);
    this.#begun = { at: performance.now(), cpu: cpuMicros(), done: this.#done, requests: this.#requests() ?? 0 };
  }

  #seeOnce(payload: Uint8Array): void {
    const index = indexOf(payload);
    if (this.#seen[index] !== 0) throw new Error(`message ${index} of ${this.#total} was settled twice`);
    this.#seen[index] = 1;
  }

  #end(): void {
    if (this.#begun === undefined) return;
    const seconds = (performance.now() - this.#begun.at) / 1_000;
    const cpu = cpuMicros() - this.#begun.cpu;
    this.#sample();
    const messages = this.#total - this.#begun.done;
    const requests = this.#requests();
    const result: Measured = {
      messages,
      seconds,
      rate: messages / seconds,
      cpuMicrosPerMessage: cpu / messages,
      utilization: cpu / (seconds * 1e6),
      peakRssMb: peakRssMb(),
      maxInFlight: this.#maxInFlight(),
      ...(requests === undefined ? {} : { requests: requests - this.#begun.requests }),
      latency: this.#paced ? this.#latency() : undefined,
      samples: this.#samples,
    };
    process.stdout.write(`${RESULT_PREFIX}${JSON.stringify(result)}\n`, () => process.exit(0));
  }

  #latency(): Latency {
    const sorted = this.#latencies.subarray(0, this.#measured).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
  }

  #sample(): void {
    const { rss, heapUsed } = process.memoryUsage();
    this.#samples.push({
      seconds: performance.now() / 1_000,
      done: this.#done,
      rssMb: rss / MB,
      heapMb: heapUsed / MB,
      cpuMicros: cpuMicros(),
    });
  }
}

function cpuMicros(): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return userCPUTime + systemCPUTime;
}

/** Reads the peak of this process alone: `maxRSS` of resourceUsage starts with the peak of the parent process. */
function peakRssMb(): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}

function asBytes(payload: Uint8Array | string): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload) : payload;
}
