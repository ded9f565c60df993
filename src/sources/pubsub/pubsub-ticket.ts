import { type Desk, Ticket } from '../../core/delivery.ts';
import type { Lease } from './lease.ts';

/** What a ticket tells its source, and asks it. */
export interface PubSubTicketHandlers {
  readonly settled: (ticket: PubSubTicket, verdict: 'ack' | 'nack') => void;
  readonly isOutOfTurn: (ticket: PubSubTicket) => boolean;
}

/** The right to settle one Pub/Sub message, while its lease lasts. */
export class PubSubTicket extends Ticket {
  readonly lease: Lease;
  readonly #handlers: PubSubTicketHandlers;

  constructor(desk: Desk, lease: Lease, handlers: PubSubTicketHandlers) {
    super(desk, lease.message);
    this.lease = lease;
    this.#handlers = handlers;
    lease.holder = this;
  }

  override get isOutOfTurn(): boolean {
    return this.#handlers.isOutOfTurn(this);
  }

  protected override acknowledge(): void {
    this.#handlers.settled(this, 'ack');
  }

  protected override giveBack(): void {
    this.#handlers.settled(this, 'nack');
  }
}
