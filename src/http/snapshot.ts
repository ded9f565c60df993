import type { MinuteCount } from '../core/minute-counts.ts';
import type { ConditionState, ReadinessReport } from '../core/readiness.ts';

/** The state of a service at one moment, as the live page shows it. Counts grow from the start of the process. */
export interface ServiceSnapshot {
  readonly service: string;
  readonly pipeline: string;
  /** Where the service serves its own page. */
  readonly url: string;
  /** Names of what it reads and writes. */
  readonly wiring: WiringSnapshot;
  /** Milliseconds since the start of the service. */
  readonly uptimeMs: number;
  readonly report: ReadinessReport;
  /** The path of a message: `edges[i]` leads from `boxes[i]` to `boxes[i + 1]`. */
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
  /** Values that are counted inside the sink: batches, objects. */
  readonly inSink: readonly Edge[];
  /** Dead letters that were published. */
  readonly deadLetterBox: Box & { readonly count: number };
  /** Counts outside the path of a message, such as the answers of each lookup layer. */
  readonly beside: readonly Edge[];
  readonly ledger: LedgerSnapshot;
  readonly bounds: readonly Bound[];
  readonly latencies: readonly Latency[];
}

/** What a service reads and writes: subscriptions and topics by their full names. */
export interface WiringSnapshot {
  readonly input?: string | undefined;
  /** The topic of the subscription. */
  readonly inputTopic?: string | undefined;
  readonly outputs: readonly string[];
}

/** The counts of a service for the command `ledger`, as returned by `GET /ledger`. */
export interface LedgerReport {
  readonly service: string;
  readonly pipeline: string;
  /** RFC 3339. Earlier messages are not counted. */
  readonly startedAt: string;
  readonly now: string;
  readonly wiring: WiringSnapshot;
  readonly ledger: LedgerSnapshot;
  readonly minutes: readonly MinuteCount[];
}

/** Part of a graph between two places where messages are counted. */
export interface Box {
  readonly role: 'source' | 'between' | 'sink' | 'settled' | 'dead letters';
  readonly title: string;
  /** Operators as the graph names them, in order. */
  readonly operators: readonly string[];
  readonly state: ConditionState;
  /** Parts of `/readyz` that belong here and are not ok. */
  readonly problems: readonly Problem[];
}

export interface Problem {
  readonly part: string;
  readonly state: ConditionState;
  readonly detail: string;
}

/** A probe: what passes it, and how many values have passed. */
export interface Edge {
  readonly probe: string;
  readonly counted: 'messages' | 'batches' | 'objects' | 'elsewhere';
  readonly count: number;
}

export interface LedgerSnapshot {
  readonly received: number;
  readonly acked: number;
  readonly nacked: number;
  readonly deadLettered: number;
  readonly dropped: number;
  readonly expired: number;
  readonly inFlight: number;
  readonly settledTwice: number;
  readonly settledLate: number;
  readonly balanced: boolean;
}

/** A quantity with a limit. */
export interface Bound {
  readonly name: string;
  readonly unit: 'messages' | 'bytes' | 'batches';
  readonly used: number;
  readonly limit: number;
  readonly peak?: number;
}

/** Times so far, in seconds: for each bound, the number of times up to it and above the previous bound. */
export interface Latency {
  readonly name: string;
  readonly help: string;
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly count: number;
}

/** An event as it was logged. Viewers that may not see message contents get no fields. */
export interface RecentEvent {
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly fields?: string;
}

/** A dead letter. Viewers that may not see message contents get its time and reason only. */
export interface RecentDeadLetter {
  readonly time: string;
  readonly reason: string;
  readonly error?: string;
  readonly source?: string;
  readonly bytes?: number;
  /** The beginning of the payload. */
  readonly preview?: string;
}

/** One message of the live stream. The lists contain only entries added since the previous message. */
export interface LiveMessage {
  /** True if this viewer may see message contents. */
  readonly trusted: boolean;
  /** Milliseconds of a monotonic clock. */
  readonly at: number;
  readonly services: readonly LiveService[];
}

export interface LiveService extends ServiceSnapshot {
  readonly events: readonly RecentEvent[];
  readonly deadLetters: readonly RecentDeadLetter[];
}
