import { type Observable, Subject } from 'rxjs';

/** The bounds of unsettled messages. */
export interface CreditLimits {
  /** Messages. At least 1. */
  readonly maxMessages: number;
  /** Bytes of messages as received, including attributes. A single larger message is admitted alone. */
  readonly maxBytes: number;
}

/**
 * Carries demand from the settled end of a graph back to its source. The source takes credit for each message before it
 * emits it; settling the delivery releases it. Credit bounds memory; no queue does.
 *
 * Credit is *starved* while the source holds a message that it may not emit, or all message credit is taken. Batching
 * operators watch `starvation`, because an open batch would then wait in vain for more messages.
 */
export class Credit {
  readonly limits: CreditLimits;
  messages = 0;
  bytes = 0;
  /** The most messages ever held concurrently. */
  peakMessages = 0;
  #starved = false;
  #refused = false;
  readonly #starvation = new Subject<void>();
  readonly #released = new Subject<void>();

  constructor(limits: CreditLimits) {
    this.limits = limits;
  }

  /**
   * Takes credit for one message of this size. Returns false if there is not enough, and the source must hold the
   * message.
   */
  tryTake(bytes: number): boolean {
    const fits =
      this.messages === 0 || (this.messages < this.limits.maxMessages && this.bytes + bytes <= this.limits.maxBytes);
    if (!fits) {
      this.#refused = true;
      this.#starve();
      return false;
    }
    this.messages += 1;
    this.bytes += bytes;
    if (this.messages > this.peakMessages) this.peakMessages = this.messages;
    if (this.messages >= this.limits.maxMessages) this.#starve();
    return true;
  }

  release(bytes: number): void {
    this.messages -= 1;
    this.bytes -= bytes;
    this.#starved = false;
    if (!this.#refused) return;
    this.#refused = false;
    this.#released.next();
  }

  get starved(): boolean {
    return this.#starved;
  }

  /** Emits when credit becomes starved. */
  get starvation(): Observable<void> {
    return this.#starvation;
  }

  /** Emits synchronously when credit is released after a request was refused, so that the source can try again. */
  get released(): Observable<void> {
    return this.#released;
  }

  #starve(): void {
    if (this.#starved) return;
    this.#starved = true;
    this.#starvation.next();
  }
}
