import { type Desk, Ticket } from '../../core/delivery.ts';
import type { Lease } from './lease.ts';

/** What a ticket tells its source, and asks it. */
export interface PubSubTicketHandlers {
  readonly acknowledged: (ticket: PubSubTicket) => void;
  readonly givenBack: (ticket: PubSubTicket, afterMs: number) => void;
  readonly isOutOfTurn: (ticket: PubSubTicket) => boolean;
}

/** The right to settle one Pub/Sub message, while its lease lasts. */
export class PubSubTicket extends Ticket {
  readonly lease: Lease;
  readonly #handlers: PubSubTicketHandlers;

  constructor(desk: Desk, lease: Lease, handlers: PubSubTicketHandlers) {
    super(desk, lease.message, lease.message.byteLength);
    this.lease = lease;
    this.#handlers = handlers;
    lease.holder = this;
  }

  override get isOutOfTurn(): boolean {
    return this.#handlers.isOutOfTurn(this);
  }

  /** A subscription with a dead-letter policy counts each return as a failed attempt. */
  override get mayPostpone(): boolean {
    return this.lease.message.deliveryAttempt === 0;
  }

  protected override acknowledge(): void {
    this.#handlers.acknowledged(this);
  }

  protected override giveBack(afterMs: number): void {
    this.#handlers.givenBack(this, afterMs);
  }
}
