/** The endings of a delivery. */
export type Ending = 'acked' | 'nacked' | 'deadLettered' | 'dropped' | 'expired';

/**
 * The books of one service. At every moment
 * `received = acked + nacked + deadLettered + dropped + expired + inFlight`;
 * each side is counted on its own, so that the equation can be checked and not only defined.
 */
export class Ledger {
  received = 0;
  /** Settled: the other side confirmed, and the source may forget the message. */
  acked = 0;
  /** Given back to the source, which will deliver it again. */
  nacked = 0;
  /** Published as a dead letter, then acknowledged. */
  deadLettered = 0;
  /** Left out by a policy that the configuration names. */
  dropped = 0;
  /** The lease or session ended before the delivery was settled: the source delivers it again, if it still has it. */
  expired = 0;
  inFlight = 0;
  inFlightBytes = 0;
  /** Second settlements of one delivery: always a bug in a graph. */
  settledTwice = 0;
  /** Settlements that came after the lease or session had expired: work that will be done again. */
  settledLate = 0;

  open(bytes: number): void {
    this.received += 1;
    this.inFlight += 1;
    this.inFlightBytes += bytes;
  }

  close(ending: Ending, bytes: number): void {
    this[ending] += 1;
    this.inFlight -= 1;
    this.inFlightBytes -= bytes;
  }

  /** True while the law of the ledger holds. */
  get balanced(): boolean {
    const ended = this.acked + this.nacked + this.deadLettered + this.dropped + this.expired;
    return this.received === ended + this.inFlight && this.inFlight >= 0;
  }
}
