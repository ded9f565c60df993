import { type Linked, LinkedList } from '../../util/linked-list.ts';
import type { ReceivedMessage } from './wire/pull-response.ts';

/** The holder of a leased message. */
export interface LeaseHolder {
  /** Called when the lease has ended. */
  expire(): void;
  /** Returns the message if it is unsettled. */
  abandon(): void;
}

/** The right to hold one received message for a limited time. Times are in ms of the scheduler's clock. */
export class Lease implements Linked<Lease> {
  readonly message: ReceivedMessage;
  readonly ackId: string;
  /** Position in the order of receipt. */
  readonly sequence: number;
  readonly receivedAt: number;
  /** Time when Pub/Sub delivers the message again, unless the lease is extended or acknowledged before. */
  endsAt: number;
  /** True while an extension is in flight. */
  extending = false;
  /** Set while the message is in the graph. */
  holder: LeaseHolder | undefined;
  older: Lease | undefined = undefined;
  newer: Lease | undefined = undefined;
  isLinked = false;

  constructor(message: ReceivedMessage, sequence: number, receivedAt: number, endsAt: number) {
    this.message = message;
    this.ackId = message.ackId;
    this.sequence = sequence;
    this.receivedAt = receivedAt;
    this.endsAt = endsAt;
  }
}

/** Extends a lease when less than this share of it remains. */
const EXTEND_BELOW = 0.6;

export interface LeaseTimes {
  readonly ackDeadlineMs: number;
  readonly maxLeaseMs: number;
}

/** The leases that are held. `review` returns those to extend, and drops those that ended or exceeded `maxLeaseMs`. */
export class Leases {
  /** In order of receipt. */
  readonly #held = new LinkedList<Lease>();
  readonly #times: LeaseTimes;
  #next = 0;

  constructor(times: LeaseTimes) {
    this.#times = times;
  }

  get size(): number {
    return this.#held.size;
  }

  /** The sequence of the next message to arrive. */
  get nextSequence(): number {
    return this.#next;
  }

  /** The sequence of the oldest held lease, or of the next message if none is held. */
  get oldestSequence(): number {
    return this.#held.oldest?.sequence ?? this.#next;
  }

  /** Iterates from the oldest. The current lease may be released during iteration. */
  [Symbol.iterator](): Iterator<Lease> {
    return this.#held[Symbol.iterator]();
  }

  hold(message: ReceivedMessage, now: number): Lease {
    const lease = new Lease(message, this.#next, now, now + this.#times.ackDeadlineMs);
    this.#next += 1;
    this.#held.add(lease);
    return lease;
  }

  /** Releases a lease; does nothing if it is not held. */
  release(lease: Lease): void {
    this.#held.delete(lease);
  }

  /** Marks the leases to extend as such, until `extended` or `notExtended` is called for them. */
  review(now: number): { extend: Lease[]; expired: Lease[] } {
    const { ackDeadlineMs, maxLeaseMs } = this.#times;
    const extend: Lease[] = [];
    const expired: Lease[] = [];
    for (const lease of this.#held) {
      if (lease.endsAt <= now || now - lease.receivedAt >= maxLeaseMs) {
        this.#held.delete(lease);
        expired.push(lease);
      } else if (!lease.extending && lease.endsAt - now < ackDeadlineMs * EXTEND_BELOW) {
        lease.extending = true;
        extend.push(lease);
      }
    }
    return { extend, expired };
  }

  /** Records a confirmed extension. The new lease counts from the time of the request. */
  extended(leases: readonly Lease[], askedAt: number): void {
    for (const lease of leases) {
      lease.extending = false;
      lease.endsAt = askedAt + this.#times.ackDeadlineMs;
    }
  }

  /** Clears the mark, so that the next review extends these again. */
  notExtended(leases: readonly Lease[]): void {
    for (const lease of leases) lease.extending = false;
  }
}
