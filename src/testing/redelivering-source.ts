import { Observable, type SchedulerLike, type Subscriber, Subscription } from 'rxjs';
import { OrderBarrier } from '../connectors/pubsub/order-barrier.ts';
import { AckHandle, Delivery, type DeliveryContext } from '../core/delivery.ts';
import { testMessage } from './test-context.ts';

/** A message of a simulated subscription; `key` is its ordering key, '' is none. */
export interface Stored {
  readonly id: string;
  readonly key: string;
}

interface Copy extends Stored {
  readonly lease: number;
  readonly sequence: number;
}

/** Travel time of a message, or of a settlement. */
const WIRE_MS = 3;

class CopyAckHandle extends AckHandle {
  readonly copy: Copy;
  readonly #source: RedeliveringSource;

  constructor(context: DeliveryContext, copy: Copy, source: RedeliveringSource) {
    super(context, { data: Buffer.from('{}'), attributes: {}, orderingKey: copy.key });
    this.copy = copy;
    this.#source = source;
  }

  override get isOutOfTurn(): boolean {
    return this.#source.barrier.mustReturn(this.copy.key, this.copy.sequence);
  }

  protected override acknowledge(): void {
    this.#source.settled(this, 'ack');
  }

  protected override giveBack(): void {
    this.#source.settled(this, 'nack');
  }
}

/**
 * A subscription with message ordering and its source, in virtual time. A returned or expired message is redelivered
 * together with all later messages of its ordering key, even acknowledged ones. Completes once every message is
 * acknowledged.
 */
export class RedeliveringSource {
  readonly barrier = new OrderBarrier();
  /** Acknowledged ids, repeated if acknowledged repeatedly. */
  readonly acked: string[] = [];
  readonly #context: DeliveryContext;
  readonly #scheduler: SchedulerLike;
  readonly #stored: (Stored & { lease: number; acked: boolean })[];
  readonly #open = new Set<CopyAckHandle>();
  readonly #received: Copy[] = [];
  readonly #background = new Subscription();
  #subscriber: Subscriber<Delivery> | undefined;
  #lastLease = 0;
  #sequence = 0;
  #emitting = false;

  constructor(context: DeliveryContext, stored: readonly Stored[], scheduler: SchedulerLike) {
    this.#context = context;
    this.#scheduler = scheduler;
    this.#stored = stored.map((message) => ({ ...message, lease: 0, acked: false }));
  }

  readonly deliveries = new Observable<Delivery>((subscriber) => {
    this.#subscriber = subscriber;
    this.#background.add(this.#context.credit.released.subscribe(() => this.#emit()));
    this.#sendUnleased();
    return () => this.#background.unsubscribe();
  });

  /** Ends the lease of the oldest open delivery, like Pub/Sub without an extension. */
  expireOldest(): void {
    const [oldest] = this.#open;
    if (oldest === undefined) return;
    this.#open.delete(oldest);
    oldest.expire();
    this.#wentBack(oldest.copy);
    this.#later(() => this.#comeBack(oldest.copy));
  }

  abort(): void {
    this.#background.unsubscribe();
    for (const ackHandle of [...this.#open]) ackHandle.abandon();
  }

  settled(ackHandle: CopyAckHandle, verdict: 'ack' | 'nack'): void {
    const { copy } = ackHandle;
    this.#open.delete(ackHandle);
    if (verdict === 'nack') this.#wentBack(copy);
    this.#later(() => (verdict === 'nack' ? this.#comeBack(copy) : this.#acknowledge(copy)));
    const [open] = this.#open;
    const oldest = (open?.copy ?? this.#received[0])?.sequence ?? this.#sequence;
    // An expired message is no longer in the ledger, but may still be in the graph.
    const mayHold = this.#context.credit.messages > this.#context.ledger.inFlight ? 0 : oldest;
    this.barrier.review({ oldest: mayHold, next: this.#sequence, now: this.#scheduler.now() });
  }

  #wentBack({ key, id, sequence }: Copy): void {
    if (key !== '') this.barrier.returned(key, id, sequence, this.#scheduler.now());
  }

  #later(work: () => void): void {
    this.#background.add(this.#scheduler.schedule(work, WIRE_MS));
  }

  #acknowledge({ id, lease }: Copy): void {
    const message = this.#stored.find((each) => each.id === id && each.lease === lease);
    if (message === undefined) return;
    message.acked = true;
    this.acked.push(id);
    if (this.#stored.every(({ acked }) => acked)) this.#subscriber?.complete();
  }

  #comeBack({ id, key, lease }: Copy): void {
    const index = this.#stored.findIndex((message) => message.id === id && message.lease === lease);
    if (index < 0) return;
    for (const [position, message] of this.#stored.entries()) {
      if (position !== index && (key === '' || message.key !== key || position < index)) continue;
      message.lease = 0;
      message.acked = false;
    }
    this.#sendUnleased();
  }

  #sendUnleased(): void {
    for (const message of this.#stored) {
      if (message.lease > 0) continue;
      this.#lastLease += 1;
      message.lease = this.#lastLease;
      const { id, key, lease } = message;
      this.#later(() => this.#receive({ id, key, lease }));
    }
  }

  #receive(sent: Omit<Copy, 'sequence'>): void {
    const copy = { ...sent, sequence: this.#sequence };
    this.#sequence += 1;
    if (copy.key === '' || this.barrier.admits(copy.key, copy.id, copy.sequence)) this.#received.push(copy);
    else this.#later(() => this.#comeBack(copy));
    this.#emit();
  }

  #emit(): void {
    if (this.#emitting) return;
    this.#emitting = true;
    for (let next = this.#received[0]; next !== undefined; next = this.#received[0]) {
      const message = testMessage({ id: next.id, attributes: { key: next.key } });
      if (!this.#context.credit.tryTake(message.payload.byteLength)) break;
      this.#received.shift();
      const ackHandle = new CopyAckHandle(this.#context, next, this);
      this.#open.add(ackHandle);
      this.#subscriber?.next(new Delivery(message, ackHandle));
    }
    this.#emitting = false;
  }
}
