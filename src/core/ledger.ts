/** The endings of a delivery. */
export type Ending = 'acked' | 'nacked' | 'deadLettered' | 'dropped' | 'expired';

/**
 * The counts of one service. At every moment `received = acked + nacked + deadLettered + dropped + expired + inFlight`.
 * Both sides are counted independently, so that the equation can be checked.
 */
export class Ledger {
  received = 0;
  /** Confirmed by the other side; the source may forget the message. */
  acked = 0;
  /** Returned to the source for redelivery. */
  nacked = 0;
  /** Published as a dead letter, then acknowledged. */
  deadLettered = 0;
  /** Omitted by a policy in the configuration. */
  dropped = 0;
  /** Ended with its lease or session before it was settled. The source delivers it again if it still has it. */
  expired = 0;
  inFlight = 0;
  inFlightBytes = 0;
  /** Second settlements of a delivery, always a bug in a graph. */
  settledTwice = 0;
  /** Settlements after the lease or session expired; the work will be repeated. */
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

  /** True while both sides of the equation agree. */
  get balanced(): boolean {
    const ended = this.acked + this.nacked + this.deadLettered + this.dropped + this.expired;
    return this.received === ended + this.inFlight && this.inFlight >= 0;
  }
}
