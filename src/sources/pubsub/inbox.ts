import { Fifo } from '../../core/fifo.ts';
import type { Acknowledger } from './acknowledger.ts';
import type { Lease, Leases } from './lease.ts';
import type { OrderBarrier } from './order-barrier.ts';
import type { PubSubMessage, ReceivedMessage, SubscriptionProperties } from './pull-stream.ts';

/** A message that was received and is leased to us. */
export interface Held {
  readonly message: PubSubMessage;
  readonly lease: Lease;
  /** Counts what was received, in order. */
  readonly sequence: number;
}

export interface InboxOptions {
  readonly leases: Leases;
  readonly acknowledger: Acknowledger;
  /** Left out where the graph keeps no order. */
  readonly barrier: OrderBarrier | undefined;
  /** Called when messages may be taken. */
  readonly onMessages: () => void;
}

/**
 * What was received and waits to be taken, in order of arrival: at most what was on its way when the streams were
 * paused.
 *
 * With exactly-once delivery a message waits first until Pub/Sub has confirmed its lease, or it may be somebody else's
 * by now. Confirmations travel in parallel; messages are let through in the order of arrival.
 */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #waiting = new Fifo<Held>();
  #confirmed: Promise<void> = Promise.resolve();
  #unconfirmed = 0;
  #sequence = 0;
  #outOfTurn = 0;
  #closed = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Messages that wait to be taken. */
  get ready(): number {
    return this.#waiting.length;
  }

  /** Those, and messages that wait for the confirmation of their receipt. */
  get size(): number {
    return this.#waiting.length + this.#unconfirmed;
  }

  /** Messages that were given back on arrival, since an earlier one of their ordering key had gone back. */
  get outOfTurn(): number {
    return this.#outOfTurn;
  }

  /** Resolves when nothing waits for the confirmation of its receipt any more. */
  get confirmed(): Promise<void> {
    return this.#confirmed;
  }

  /** Of the next message to come. */
  get nextSequence(): number {
    return this.#sequence;
  }

  /** Of the oldest that waits, or else of the next to come. */
  get oldestSequence(): number {
    return this.#waiting.peek()?.sequence ?? this.#sequence;
  }

  peek(): Held | undefined {
    return this.#waiting.peek();
  }

  take(): Held | undefined {
    return this.#waiting.shift();
  }

  receive(received: readonly ReceivedMessage[], properties: SubscriptionProperties, now: number): void {
    const { leases } = this.#options;
    const messages: Held[] = [];
    for (const { message, ackId } of received) {
      if (message === null) continue;
      const held = { message, lease: leases.hold(ackId, now), sequence: this.#sequence };
      this.#sequence += 1;
      if (this.#closed) this.#giveBack(held);
      else if (this.#isInTurn(held, properties)) messages.push(held);
      else {
        this.#outOfTurn += 1;
        this.#giveBack(held);
      }
    }
    if (properties.exactlyOnceDeliveryEnabled) this.#confirm(messages);
    else this.#let(messages);
  }

  /** Takes out those whose leases are gone, and returns them: Pub/Sub delivers them again. */
  forget(gone: ReadonlySet<Lease>): Held[] {
    return this.#waiting.remove(({ lease }) => gone.has(lease));
  }

  /** Gives back what waits, and whatever still comes. */
  close(): void {
    this.#closed = true;
    for (const held of this.#waiting.drain()) this.#giveBack(held);
  }

  #isInTurn({ message, sequence }: Held, { messageOrderingEnabled }: SubscriptionProperties): boolean {
    const { barrier } = this.#options;
    if (barrier === undefined || !messageOrderingEnabled || message.orderingKey === '') return true;
    return barrier.admits(message.orderingKey, message.messageId, sequence);
  }

  #confirm(messages: readonly Held[]): void {
    this.#unconfirmed += messages.length;
    const asked = this.#options.acknowledger.confirm(messages.map(({ lease }) => lease));
    this.#confirmed = this.#confirmed.then(async () => {
      const ours = new Set(await asked);
      this.#unconfirmed -= messages.length;
      for (const { lease } of messages) if (!ours.has(lease)) this.#options.leases.release(lease);
      this.#let(messages.filter(({ lease }) => ours.has(lease)));
    });
  }

  #let(messages: readonly Held[]): void {
    for (const held of messages) {
      if (this.#closed) this.#giveBack(held);
      else this.#waiting.push(held);
    }
    this.#options.onMessages();
  }

  #giveBack({ lease }: Held): void {
    this.#options.leases.release(lease);
    this.#options.acknowledger.nack(lease);
  }
}
