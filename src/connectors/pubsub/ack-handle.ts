import { AckHandle, type DeliveryContext } from '../../core/delivery.ts';
import type { Lease } from './lease.ts';

/** Callbacks from an ack handle to its source. */
export interface PubSubAckHandlers {
  readonly acknowledged: (ackHandle: PubSubAckHandle) => void;
  readonly givenBack: (ackHandle: PubSubAckHandle, afterMs: number) => void;
  readonly isOutOfTurn: (ackHandle: PubSubAckHandle) => boolean;
}

/** The right to settle one Pub/Sub message while its lease lasts. */
export class PubSubAckHandle extends AckHandle {
  readonly lease: Lease;
  readonly #handlers: PubSubAckHandlers;

  constructor(context: DeliveryContext, lease: Lease, handlers: PubSubAckHandlers) {
    super(context, lease.message, lease.message.byteLength);
    this.lease = lease;
    this.#handlers = handlers;
    lease.holder = this;
  }

  override get isOutOfTurn(): boolean {
    return this.#handlers.isOutOfTurn(this);
  }

  /** A dead-letter policy counts each return as a failed delivery attempt. */
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
