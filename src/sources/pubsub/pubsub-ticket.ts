import { type Desk, Ticket } from '../../core/delivery.ts';
import type { Lease } from './lease.ts';
import type { ReceivedMessage } from './pull-stream.ts';

export type PubSubMessage = NonNullable<ReceivedMessage['message']>;

/** The right to settle one Pub/Sub message, while its lease lasts. */
export class PubSubTicket extends Ticket {
  readonly lease: Lease;
  readonly #onSettled: (ticket: PubSubTicket, verdict: 'ack' | 'nack') => void;

  constructor(
    desk: Desk,
    message: PubSubMessage,
    lease: Lease,
    onSettled: (ticket: PubSubTicket, verdict: 'ack' | 'nack') => void,
  ) {
    const { data, attributes, orderingKey, messageId } = message;
    super(desk, { data, attributes, orderingKey, messageId });
    this.lease = lease;
    this.#onSettled = onSettled;
    lease.onLapse = () => this.lapse();
  }

  protected override acknowledge(): void {
    this.#onSettled(this, 'ack');
  }

  protected override giveBack(): void {
    this.#onSettled(this, 'nack');
  }
}
