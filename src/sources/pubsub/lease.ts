/** The right to hold one received message for a while. Times are in ms of the scheduler's clock. */
export class Lease {
  readonly ackId: string;
  readonly receivedAt: number;
  /** When Pub/Sub will deliver the message again, unless the lease is extended or acknowledged before. */
  endsAt: number;
  /** Called when the lease is gone; set by whoever holds the message. */
  onLapse: (() => void) | undefined;

  constructor(ackId: string, receivedAt: number, endsAt: number) {
    this.ackId = ackId;
    this.receivedAt = receivedAt;
    this.endsAt = endsAt;
  }
}

export interface LeaseTimes {
  readonly ackDeadlineMs: number;
  readonly maxLeaseMs: number;
}

/**
 * The leases that are held. `review` names those to extend, and lets go of those that ended or were held for too long.
 */
export class Leases {
  readonly #held = new Set<Lease>();
  readonly #times: LeaseTimes;

  constructor(times: LeaseTimes) {
    this.#times = times;
  }

  get size(): number {
    return this.#held.size;
  }

  hold(ackId: string, now: number): Lease {
    const lease = new Lease(ackId, now, now + this.#times.ackDeadlineMs);
    this.#held.add(lease);
    return lease;
  }

  release(lease: Lease): void {
    this.#held.delete(lease);
  }

  /** Extended leases count as such only once Pub/Sub has confirmed: see `extended`. */
  review(now: number): { extend: Lease[]; lapsed: Lease[] } {
    const { ackDeadlineMs, maxLeaseMs } = this.#times;
    const extend: Lease[] = [];
    const lapsed: Lease[] = [];
    for (const lease of this.#held) {
      if (lease.endsAt <= now || now - lease.receivedAt >= maxLeaseMs) {
        this.#held.delete(lease);
        lapsed.push(lease);
      } else if (lease.endsAt - now < ackDeadlineMs * 0.6) {
        extend.push(lease);
      }
    }
    return { extend, lapsed };
  }

  extended(leases: readonly Lease[], now: number): void {
    for (const lease of leases) lease.endsAt = now + this.#times.ackDeadlineMs;
  }
}
