import type { Subscription } from 'rxjs';
import type { Credit } from './credit.ts';
import type { PoisonError } from './errors.ts';
import type { Ledger } from './ledger.ts';
import type { Message, Original } from './message.ts';

/**
 * Everything the ack handles of one source share: ledger, credit, clock, and the way to dead-letter.
 */
export interface DeliveryContext {
  readonly ledger: Ledger;
  readonly credit: Credit;
  /** Measures the time of each delivery, from its receipt to its settlement. */
  readonly stopwatch?: Stopwatch | undefined;
  /**
   * Takes care of a poisoned delivery: calls `onPublished` once the dead letter is safe, or `onRefused` when there is
   * nowhere to put it, and the message has to go back: no sooner than `afterMs` from now. Unsubscribing gives up this one
   * and all others: a source abandons its messages all at once.
   */
  deadLetter(
    ackHandle: AckHandle,
    poison: PoisonError,
    done: { onPublished: () => void; onRefused: (afterMs?: number) => void },
  ): Subscription | undefined;
}

export interface Stopwatch {
  /** In milliseconds. */
  now(): number;
  readonly onSettled: (seconds: number) => void;
}

type State = 'open' | 'deadLettering' | 'expired' | 'deadLetteringExpired' | 'closed';

/**
 * The one right to settle a message, shared by every Delivery made of it. A source extends it with what *it* does when
 * the message is safe, or has to go back.
 */
export abstract class AckHandle {
  readonly original: Original;
  readonly bytes: number;
  readonly context: DeliveryContext;
  readonly #openedAt: number;
  #state: State = 'open';
  #deadLettering: Subscription | undefined;

  /**
   * Enters the message into the books. The source must hold credit for it already.
   *
   * @param bytes what the message takes in memory, as the credit for it was taken.
   */
  constructor(context: DeliveryContext, original: Original, bytes = original.data.byteLength) {
    this.context = context;
    this.original = original;
    this.bytes = bytes;
    this.#openedAt = context.stopwatch?.now() ?? 0;
    context.ledger.open(this.bytes);
  }

  /** Tells the source that the message is safe elsewhere. */
  protected abstract acknowledge(): void;

  /** Tells the source to deliver the message again: no sooner than `afterMs` from now, as far as it can do that. */
  protected abstract giveBack(afterMs: number): void;

  /** True where the message may go back to wait at its source, and that does not count as a failed attempt. */
  get mayPostpone(): boolean {
    return false;
  }

  /**
   * True when an earlier message of the same ordering key went back to the source: this one would overtake it, and has
   * to go back too.
   */
  get isOutOfTurn(): boolean {
    return false;
  }

  /** True until it is settled or expired. */
  get isOpen(): boolean {
    return this.#state === 'open' || this.#state === 'deadLettering';
  }

  ack(): void {
    if (!this.#claim()) return;
    this.#close('acked');
    this.acknowledge();
  }

  nack(afterMs = 0): void {
    if (!this.#claim()) return;
    this.#close('nacked');
    this.giveBack(afterMs);
  }

  drop(): void {
    if (!this.#claim()) return;
    this.#close('dropped');
    this.acknowledge();
  }

  deadLetter(poison: PoisonError): void {
    if (!this.#claim()) return;
    this.#state = 'deadLettering';
    this.#deadLettering = this.context.deadLetter(this, poison, {
      onPublished: () => this.#deadLettered('deadLettered'),
      onRefused: (afterMs) => this.#deadLettered('nacked', afterMs),
    });
  }

  /** For the source: the lease or session is gone. The graph may still work on the message, and keeps its credit. */
  expire(): void {
    if (!this.isOpen) return;
    this.context.ledger.close('expired', this.bytes);
    // Dead-lettering goes on: the source may not have the message any more, and a second dead letter is better than none.
    this.#state = this.#state === 'deadLettering' ? 'deadLetteringExpired' : 'expired';
  }

  /** For the source, when its graph was aborted: whatever is unsettled goes back. */
  abandon(): void {
    this.#deadLettering?.unsubscribe();
    if (this.#state === 'deadLetteringExpired') {
      this.#state = 'closed';
      this.context.credit.release(this.bytes);
    }
    if (!this.isOpen) return;
    this.#close('nacked');
    this.giveBack(0);
  }

  /** Claims the right to settle; false when it is spent. */
  #claim(): boolean {
    if (this.#state === 'open') return true;
    if (this.#state === 'expired') {
      this.context.ledger.settledLate += 1;
      this.#state = 'closed';
      this.context.credit.release(this.bytes);
      return false;
    }
    this.context.ledger.settledTwice += 1;
    return false;
  }

  #deadLettered(ending: 'deadLettered' | 'nacked', afterMs = 0): void {
    if (this.#state === 'deadLetteringExpired') {
      this.#state = 'closed';
      this.context.credit.release(this.bytes);
      return;
    }
    if (this.#state !== 'deadLettering') return;
    this.#close(ending);
    if (ending === 'deadLettered') this.acknowledge();
    else this.giveBack(afterMs);
  }

  #close(ending: 'acked' | 'nacked' | 'deadLettered' | 'dropped'): void {
    this.#state = 'closed';
    this.context.ledger.close(ending, this.bytes);
    const { stopwatch } = this.context;
    stopwatch?.onSettled((stopwatch.now() - this.#openedAt) / 1_000);
    this.context.credit.release(this.bytes);
  }
}

/**
 * A message on its way through a graph, with the one right to settle it. Settling is synchronous and happens once: a
 * second call changes nothing and is counted (`settledTwice`).
 */
export class Delivery {
  readonly message: Message;
  readonly ackHandle: AckHandle;

  constructor(message: Message, ackHandle: AckHandle) {
    this.message = message;
    this.ackHandle = ackHandle;
  }

  /** The same delivery with another message: the right to settle stays one. */
  with(message: Message): Delivery {
    return new Delivery(message, this.ackHandle);
  }

  /** See `AckHandle.isOutOfTurn`; operators that keep order give such a delivery back. */
  get isOutOfTurn(): boolean {
    return this.ackHandle.isOutOfTurn;
  }

  /** See `AckHandle.mayPostpone`. */
  get mayPostpone(): boolean {
    return this.ackHandle.mayPostpone;
  }

  /** The message is safe on the other side. */
  ack(): void {
    this.ackHandle.ack();
  }

  /** The message goes back to its source, to be delivered again: no sooner than `afterMs` from now, where it can wait. */
  nack(afterMs = 0): void {
    this.ackHandle.nack(afterMs);
  }

  /** The message goes to dead-letter; it keeps its credit until the dead letter is published. */
  deadLetter(poison: PoisonError): void {
    this.ackHandle.deadLetter(poison);
  }

  /** The message is left out, by a policy that the configuration names. */
  drop(): void {
    this.ackHandle.drop();
  }
}
