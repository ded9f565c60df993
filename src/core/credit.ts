import { type Observable, Subject } from 'rxjs';

/** The bounds of what may be unsettled at one time. */
export interface CreditLimits {
  /** Messages. At least 1. */
  readonly maxMessages: number;
  /** Bytes of messages as they were received, data and the rest. One message larger than this is admitted alone. */
  readonly maxBytes: number;
}

/**
 * Demand, from the settled end of a graph back to its source: a source takes credit for each message before it emits
 * it, and the settled delivery releases it. This, not a queue, is what bounds memory.
 *
 * Credit is *starved* while the source holds a message that it may not emit, or all message credit is taken. Batching
 * operators watch `starvation`: an open batch that waits for more messages would then wait in vain.
 */
export class Credit {
  readonly limits: CreditLimits;
  messages = 0;
  bytes = 0;
  /** The highest number of messages ever held at one time. */
  peakMessages = 0;
  #starved = false;
  #refused = false;
  readonly #starvation = new Subject<void>();
  readonly #released = new Subject<void>();

  constructor(limits: CreditLimits) {
    this.limits = limits;
  }

  /** Takes credit for one message of that size; false when there is none, and the source must hold the message. */
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

  /** Emits when credit was released after some had been refused, synchronously: whoever was refused may try again. */
  get released(): Observable<void> {
    return this.#released;
  }

  #starve(): void {
    if (this.#starved) return;
    this.#starved = true;
    this.#starvation.next();
  }
}
