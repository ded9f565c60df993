import { Deque } from './deque.ts';
import type { Consumer, Entry } from './entry.ts';

/** The messages of a subscription that wait for delivery, and the rule by which they leave. */
export interface Backlog {
  /** How many wait; with ordering keys some of them may have to wait for others. */
  readonly size: number;
  add(entry: Entry): void;
  /** The next message for this consumer. */
  take(consumer: Consumer): Entry | undefined;
  /** A taken entry was acknowledged. */
  done(entry: Entry): void;
  /** A taken entry went to the dead-letter topic. */
  drop(entry: Entry): void;
  /**
   * A taken entry was nacked or expired, and comes back at once or, if `held`, when `resume` says so. Returns the
   * other taken entries that come back with it: with `once`, those acknowledged do not.
   */
  giveBack(entry: Entry, held: boolean, once: boolean): readonly Entry[];
  resume(entry: Entry): void;
}

const NONE: readonly Entry[] = [];

/** Without order: what comes back takes turns with what is new, so that neither starves the other. */
export class UnorderedBacklog implements Backlog {
  readonly #fresh = new Deque<Entry>();
  readonly #again = new Deque<Entry>();
  #againIsNext = true;

  get size(): number {
    return this.#fresh.size + this.#again.size;
  }

  add(entry: Entry): void {
    this.#fresh.push(entry);
  }

  take(): Entry | undefined {
    if (this.#again.size === 0) return this.#fresh.shift();
    this.#againIsNext = !this.#againIsNext;
    return (this.#againIsNext ? this.#fresh.shift() : undefined) ?? this.#again.shift();
  }

  done(): void {}

  drop(): void {}

  giveBack(entry: Entry, held: boolean): readonly Entry[] {
    if (!held) this.#again.push(entry);
    return NONE;
  }

  resume(entry: Entry): void {
    this.#again.push(entry);
  }
}
