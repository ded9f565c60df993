import type { ReceivedMessage } from './received-message.ts';

/** Who holds a leased message. */
export interface LeaseHolder {
  /** The lease is gone. */
  lapse(): void;
  /** Whatever is unsettled goes back. */
  abandon(): void;
}

/** The right to hold one received message for a while. Times are in ms of the scheduler's clock. */
export class Lease {
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
  /** Neighbours in the list of `Leases`, while it is held. */
  older: Lease | undefined = undefined;
  newer: Lease | undefined = undefined;
  isHeld = true;

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
  /** A list in order of receipt, that a lease leaves wherever it stands. */
  #oldest: Lease | undefined;
  #newest: Lease | undefined;
  #size = 0;
  readonly #times: LeaseTimes;
  #next = 0;

  constructor(times: LeaseTimes) {
    this.#times = times;
  }

  get size(): number {
    return this.#size;
  }

  /** The sequence of the next message to come. */
  get nextSequence(): number {
    return this.#next;
  }

  /** The sequence of the oldest that is held, or else of the next to come. */
  get oldestSequence(): number {
    return this.#oldest?.sequence ?? this.#next;
  }

  /** Those that are held, oldest first. The one at hand may be released meanwhile. */
  *[Symbol.iterator](): Generator<Lease> {
    let next = this.#oldest;
    while (next !== undefined) {
      const { newer } = next;
      yield next;
      next = newer;
    }
  }

  hold(message: ReceivedMessage, now: number): Lease {
    const lease = new Lease(message, this.#next, now, now + this.#times.ackDeadlineMs);
    this.#next += 1;
    lease.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = lease;
    else this.#newest.newer = lease;
    this.#newest = lease;
    this.#size += 1;
    return lease;
  }

  /** Lets go of a lease; one that is not held any more is left alone. */
  release(lease: Lease): void {
    if (!lease.isHeld) return;
    const { older, newer } = lease;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // A dead lease that the collector has not found yet must not keep its neighbours.
    lease.older = undefined;
    lease.newer = undefined;
    lease.isHeld = false;
    this.#size -= 1;
  }

  /** Leases to extend are marked as such, until `extended` or `notExtended` is called for them. */
  review(now: number): { extend: Lease[]; lapsed: Lease[] } {
    const { ackDeadlineMs, maxLeaseMs } = this.#times;
    const extend: Lease[] = [];
    const lapsed: Lease[] = [];
    for (const lease of this) {
      if (lease.endsAt <= now || now - lease.receivedAt >= maxLeaseMs) {
        this.release(lease);
        lapsed.push(lease);
      } else if (!lease.extending && lease.endsAt - now < ackDeadlineMs * EXTEND_BELOW) {
        lease.extending = true;
        extend.push(lease);
      }
    }
    return { extend, lapsed };
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
