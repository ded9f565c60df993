/** What can wait in a wheel, in one place at a time: the links are the wheel's own. */
export interface Timed<T> {
  /** The tick it is due at; 0 while it is in no wheel. */
  dueTick: number;
  previous: T | undefined;
  next: T | undefined;
}

interface Bucket<T> {
  first: T | undefined;
  last: T | undefined;
}

/** Deadlines are whole seconds, so ±50 ms is as good as exact. */
export const TICK_MS = 50;

/**
 * Deadlines of any number of items: adding, moving and removing one costs the same however many wait, and one
 * coarse timer serves all. An item becomes due at its time or up to two ticks after it, never before; items of one
 * tick come due in the order in which they were added.
 */
export class TimerWheel<T extends Timed<T>> {
  readonly #buckets = new Map<number, Bucket<T>>();
  readonly #due: (item: T) => void;
  readonly #now: () => number;
  #lastTick: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(due: (item: T) => void, now: () => number = () => performance.now()) {
    this.#due = due;
    this.#now = now;
    this.#lastTick = Math.floor(now() / TICK_MS);
  }

  /** Has `item` come due `delayMs` from now, and forgets any time it had before. */
  set(item: T, delayMs: number): void {
    if (item.dueTick !== 0) this.remove(item);
    if (this.#buckets.size === 0) this.#start();
    const tick = Math.max(Math.ceil((this.#now() + delayMs) / TICK_MS), this.#lastTick + 1);
    let bucket = this.#buckets.get(tick);
    if (bucket === undefined) {
      bucket = { first: undefined, last: undefined };
      this.#buckets.set(tick, bucket);
    }
    item.dueTick = tick;
    item.previous = bucket.last;
    if (bucket.last === undefined) bucket.first = item;
    else bucket.last.next = item;
    bucket.last = item;
  }

  remove(item: T): void {
    const bucket = this.#buckets.get(item.dueTick);
    if (bucket === undefined) return;
    if (item.previous === undefined) bucket.first = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) bucket.last = item.previous;
    else item.next.previous = item.previous;
    if (bucket.first === undefined) this.#buckets.delete(item.dueTick);
    item.previous = undefined;
    item.next = undefined;
    item.dueTick = 0;
  }

  /** Hands over all that is due by now; the wheel's own timer calls it, and tests do. */
  advance(): void {
    const tick = Math.floor(this.#now() / TICK_MS);
    while (this.#lastTick < tick) {
      this.#lastTick += 1;
      // Handing one over may remove others of the same bucket, so each round looks anew.
      for (let item = this.#buckets.get(this.#lastTick)?.first; item !== undefined; ) {
        this.remove(item);
        this.#due(item);
        item = this.#buckets.get(this.#lastTick)?.first;
      }
    }
    if (this.#buckets.size === 0) this.close();
  }

  /** Stops the timer; what still waits never comes due unless something is set anew. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    this.#lastTick = Math.floor(this.#now() / TICK_MS);
    this.#timer ??= setInterval(() => this.advance(), TICK_MS);
  }
}
