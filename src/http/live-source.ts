import type { Observable } from 'rxjs';
import type { Message } from '../core/message.ts';
import type { Ring } from '../util/ring.ts';
import type { LedgerReport, RecentDeadLetter, RecentEvent, ServiceSnapshot } from './snapshot.ts';

/** Everything that the live page and `tap` read from one running service. */
export interface LiveSource {
  readonly service: string;
  readonly pipeline: string;
  snapshot(): ServiceSnapshot;
  ledger(): LedgerReport;
  readonly events: Recent<RecentEvent>;
  readonly deadLetters: Ring<RecentDeadLetter>;
  readonly probes: readonly LiveProbe[];
}

/** The latest entries of a list that grows. */
export interface Recent<T> {
  /** Entries so far. */
  readonly count: number;
  /** Returns the entries that are kept and came after the first `count`. */
  since(count: number): readonly T[];
}

/** A probe whose values can be shown. */
export interface LiveProbe {
  readonly name: string;
  /** Costs nothing without a subscriber. */
  readonly values: Observable<unknown>;
  /** The message that a value is about; undefined if it is about several, or none. */
  messageOf(value: unknown): Message | undefined;
  /** A readable form of a value, bounded in size. */
  shown(value: unknown): Readonly<Record<string, unknown>>;
}
