import { Fifo } from '../../util/fifo.ts';
import type { Acknowledger } from './acknowledger.ts';
import type { Lease, Leases } from './lease.ts';
import type { OrderBarrier } from './order-barrier.ts';
import type { PullResponse, SubscriptionProperties } from './wire/pull-response.ts';

export interface InboxOptions {
  readonly leases: Leases;
  readonly acknowledger: Acknowledger;
  /** Undefined if the graph does not keep order. */
  readonly barrier: OrderBarrier | undefined;
  /** Called when messages are ready to be taken. */
  readonly onMessages: () => void;
}

/**
 * Holds received messages that wait for credit, in order of arrival. Its size is bounded by the messages in transit
 * when the streams paused.
 *
 * With exactly-once delivery, a message first waits until Pub/Sub confirms its lease, because another client may hold
 * it by now. Confirmations run in parallel; messages become ready in the order of arrival.
 */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #waiting = new Fifo<Lease>();
  #confirmed: Promise<void> = Promise.resolve();
  #unconfirmed = 0;
  #outOfTurn = 0;
  #closed = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Messages ready to be taken. */
  get ready(): number {
    return this.#waiting.length;
  }

  /** Ready messages, plus those that wait for confirmation of their receipt. */
  get size(): number {
    return this.#waiting.length + this.#unconfirmed;
  }

  /** Messages returned on arrival because an earlier message of their ordering key had gone back. */
  get outOfTurn(): number {
    return this.#outOfTurn;
  }

  /** Resolves when no receipt is waiting for confirmation. */
  get confirmed(): Promise<void> {
    return this.#confirmed;
  }

  peek(): Lease | undefined {
    return this.#waiting.peek();
  }

  take(): Lease | undefined {
    return this.#waiting.shift();
  }

  receive({ messages, properties }: PullResponse, now: number): void {
    const { leases } = this.#options;
    const inTurn: Lease[] = [];
    for (const message of messages) {
      const lease = leases.hold(message, now);
      if (this.#closed) this.#giveBack(lease);
      else if (this.#isInTurn(lease, properties)) inTurn.push(lease);
      else {
        this.#outOfTurn += 1;
        this.#giveBack(lease);
      }
    }
    if (properties.exactlyOnceDeliveryEnabled) this.#confirm(inTurn);
    else this.#let(inTurn);
  }

  /** Removes and returns the leases that are gone. Pub/Sub delivers their messages again. */
  forget(gone: ReadonlySet<Lease>): Lease[] {
    return this.#waiting.remove((lease) => gone.has(lease));
  }

  /** Returns all waiting messages, and any that still arrive. */
  close(): void {
    this.#closed = true;
    for (const lease of this.#waiting.drain()) this.#giveBack(lease);
  }

  #isInTurn({ message, sequence }: Lease, { messageOrderingEnabled }: SubscriptionProperties): boolean {
    const { barrier } = this.#options;
    if (barrier === undefined || !messageOrderingEnabled || message.orderingKey === '') return true;
    return barrier.admits(message.orderingKey, message.messageId, sequence);
  }

  #confirm(received: readonly Lease[]): void {
    this.#unconfirmed += received.length;
    const asked = this.#options.acknowledger.confirm(received);
    this.#confirmed = this.#confirmed.then(async () => {
      const ours = new Set(await asked);
      this.#unconfirmed -= received.length;
      for (const lease of received) if (!ours.has(lease)) this.#options.leases.release(lease);
      this.#let(received.filter((lease) => ours.has(lease)));
    });
  }

  #let(received: readonly Lease[]): void {
    for (const lease of received) {
      if (this.#closed) this.#giveBack(lease);
      else this.#waiting.push(lease);
    }
    this.#options.onMessages();
  }

  #giveBack(lease: Lease): void {
    this.#options.leases.release(lease);
    this.#options.acknowledger.nack(lease);
  }
}
