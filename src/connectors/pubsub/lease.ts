import { type Linked, LinkedList } from '../../util/linked-list.ts';
import type { ReceivedMessage } from './wire/received-message.ts';

/** The holder of a leased message. */
export interface LeaseHolder {
  /** The lease is gone. */
  expire(): void;
  /** Whatever is unsettled goes back. */
  abandon(): void;
}

/** The right to hold one received message for a while. Times are in ms of the scheduler's clock. */
export class Lease implements Linked<Lease> {
  readonly message: ReceivedMessage;
  readonly ackId: string;
  /** Counts what was received, in order. */
  readonly sequence: number;
  readonly receivedAt: number;
  /** When Pub/Sub will deliver the message again, unless the lease is extended or acknowledged before. */
  endsAt: number;
  /** An extension is on its way. */
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

/** A lease is extended when less than this share of it is left. */
const EXTEND_BELOW = 0.6;

export interface LeaseTimes {
  readonly ackDeadlineMs: number;
  readonly maxLeaseMs: number;
}

/**
 * The leases that are held. `review` names those to extend, and lets go of those that ended or were held for too long.
 */
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

  /** The sequence of the next message to come. */
  get nextSequence(): number {
    return this.#next;
  }

  /** The sequence of the oldest that is held, or else of the next to come. */
  get oldestSequence(): number {
    return this.#held.oldest?.sequence ?? this.#next;
  }

  /** Those that are held, oldest first. The one at hand may be released meanwhile. */
  [Symbol.iterator](): Iterator<Lease> {
    return this.#held[Symbol.iterator]();
  }

  hold(message: ReceivedMessage, now: number): Lease {
    const lease = new Lease(message, this.#next, now, now + this.#times.ackDeadlineMs);
    this.#next += 1;
    this.#held.add(lease);
    return lease;
  }

  /** Lets go of a lease; one that is not held any more is left alone. */
  release(lease: Lease): void {
    this.#held.delete(lease);
  }

  /** Leases to extend are marked as such, until `extended` or `notExtended` is called for them. */
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

  /** Pub/Sub has confirmed; the new lease counts from when it was asked for. */
  extended(leases: readonly Lease[], askedAt: number): void {
    for (const lease of leases) {
      lease.extending = false;
      lease.endsAt = askedAt + this.#times.ackDeadlineMs;
    }
  }

  /** The next review asks again. */
  notExtended(leases: readonly Lease[]): void {
    for (const lease of leases) lease.extending = false;
  }
}
