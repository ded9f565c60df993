import type { Subscription } from 'rxjs';
import type { Credit } from './credit.ts';
import { PoisonError, toError } from './errors.ts';
import type { Ending, Ledger } from './ledger.ts';
import type { Message, Original } from './message.ts';
import type { MessageTrace } from './message-trace.ts';

/** What the ack handles of one source share: ledger, credit, clock, and the path to dead-letter. */
export interface DeliveryContext {
  readonly ledger: Ledger;
  readonly credit: Credit;
  /** Measures each delivery from receipt to settlement. */
  readonly stopwatch?: Stopwatch | undefined;
  /** Starts the trace of a received message; undefined for a message that is not traced. */
  readonly startTrace?: ((original: Original) => MessageTrace | undefined) | undefined;
  /**
   * Dead-letters a poisoned delivery. Calls `onPublished` once the dead letter is safe. Calls `onRefused` if it cannot
   * be stored: the message then goes back, no sooner than `afterMs` from now. Unsubscribing abandons this dead letter
   * and all others, since a source abandons its messages together.
   */
  deadLetter(
    ackHandle: AckHandle,
    poison: PoisonError,
    done: { onPublished: () => void; onRefused: (afterMs?: number) => void },
  ): Subscription | undefined;
}

export interface Stopwatch {
  /** Returns milliseconds. */
  now(): number;
  readonly onSettled: (seconds: number) => void;
}

type State = 'open' | 'deadLettering' | 'expired' | 'deadLetteringExpired' | 'closed';

/**
 * The right to settle one message, shared by every Delivery derived from it. A source subclasses it to acknowledge or
 * return the message.
 */
export abstract class AckHandle {
  readonly original: Original;
  readonly bytes: number;
  readonly context: DeliveryContext;
  /** Undefined if the message is not traced. */
  readonly trace: MessageTrace | undefined;
  readonly #openedAt: number;
  #state: State = 'open';
  #deadLettering: Subscription | undefined;

  /**
   * Records the message in the ledger. The source must already hold credit for it.
   *
   * @param bytes memory that the message takes, equal to the credit taken for it.
   */
  constructor(context: DeliveryContext, original: Original, bytes = original.data.byteLength) {
    this.context = context;
    this.original = original;
    this.bytes = bytes;
    this.#openedAt = context.stopwatch?.now() ?? 0;
    this.trace = context.startTrace?.(original);
    context.ledger.open(this.bytes);
  }

  /** Called when the message is safe elsewhere. */
  protected abstract acknowledge(): void;

  /**
   * Called to have the source deliver the message again, no sooner than `afterMs` from now if the source can delay it.
   */
  protected abstract giveBack(afterMs: number): void;

  /** True if the message can wait at its source without counting as a failed attempt. */
  get mayPostpone(): boolean {
    return false;
  }

  /**
   * True if an earlier message of the same ordering key went back to the source. This one must go back too, or it would
   * overtake that message.
   */
  get isOutOfTurn(): boolean {
    return false;
  }

  /** True until settled or expired. */
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
    this.trace?.fail(poison);
    this.#deadLettering = this.context.deadLetter(this, poison, {
      onPublished: () => this.#deadLettered('deadLettered'),
      onRefused: (afterMs) => this.#deadLettered('nacked', afterMs),
    });
  }

  /**
   * Called by the source when the lease or session is gone. The graph may still process the message, which keeps its
   * credit.
   */
  expire(): void {
    if (!this.isOpen) return;
    this.context.ledger.close('expired', this.bytes);
    this.trace?.end('expired');
    // Dead-lettering continues: the source may have lost the message, and a duplicate dead letter is better than none.
    this.#state = this.#state === 'deadLettering' ? 'deadLetteringExpired' : 'expired';
  }

  /** Called by the source when its graph is aborted: an unsettled message goes back. */
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

  /** Claims the right to settle. Returns false if it was already used. */
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

  #close(ending: Exclude<Ending, 'expired'>): void {
    this.#state = 'closed';
    this.context.ledger.close(ending, this.bytes);
    this.trace?.end(ending);
    const { stopwatch } = this.context;
    stopwatch?.onSettled((stopwatch.now() - this.#openedAt) / 1_000);
    this.context.credit.release(this.bytes);
  }
}

/**
 * A message in a graph, with the right to settle it. Settling is synchronous and happens once; a second call has no
 * effect and is counted (`settledTwice`).
 */
export class Delivery {
  readonly message: Message;
  readonly ackHandle: AckHandle;

  constructor(message: Message, ackHandle: AckHandle) {
    this.message = message;
    this.ackHandle = ackHandle;
  }

  /** Returns the delivery with another message. Both share one right to settle. */
  with(message: Message): Delivery {
    return new Delivery(message, this.ackHandle);
  }

  /** See `AckHandle.isOutOfTurn`. Operators that keep order return such a delivery. */
  get isOutOfTurn(): boolean {
    return this.ackHandle.isOutOfTurn;
  }

  /** See `AckHandle.mayPostpone`. */
  get mayPostpone(): boolean {
    return this.ackHandle.mayPostpone;
  }

  /** Acknowledges the message: the other side has it. */
  ack(): void {
    this.ackHandle.ack();
  }

  /** Returns the message to its source for redelivery, no sooner than `afterMs` from now if the source can delay it. */
  nack(afterMs = 0): void {
    this.ackHandle.nack(afterMs);
  }

  /** Sends the message to dead-letter. It keeps its credit until the dead letter is published. */
  deadLetter(poison: PoisonError): void {
    this.ackHandle.deadLetter(poison);
  }

  /** Drops the message, by a policy in the configuration. */
  drop(): void {
    this.ackHandle.drop();
  }
}

/** The result that a graph settles one delivery by. `settle()` applies it. */
export type Outcome =
  | { readonly verdict: 'ack'; readonly delivery: Delivery }
  | { readonly verdict: 'drop'; readonly delivery: Delivery }
  | { readonly verdict: 'nack'; readonly delivery: Delivery; readonly error: Error; readonly afterMs?: number }
  | { readonly verdict: 'deadLetter'; readonly delivery: Delivery; readonly poison: PoisonError };

/** Returns the outcome of a delivery that the other side confirmed. */
export function accepted(delivery: Delivery): Outcome {
  return { verdict: 'ack', delivery };
}

/** Returns the outcome of a delivery that goes back to its source for redelivery no sooner than `afterMs` from now. */
export function postponed(delivery: Delivery, error: Error, afterMs: number): Outcome {
  return { verdict: 'nack', delivery, error, afterMs };
}

/** Returns the outcome of an error: poison goes to dead-letter, everything else goes back to the source. */
export function failed(delivery: Delivery, thrown: unknown): Outcome {
  if (thrown instanceof PoisonError) return { verdict: 'deadLetter', delivery, poison: thrown };
  return { verdict: 'nack', delivery, error: toError(thrown) };
}
