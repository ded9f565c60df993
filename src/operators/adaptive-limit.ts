/** Below this an outage or slow answers take nothing away: other targets may work. */
const FLOOR = 8;
/** Growth in a period: first as TCP's slow start, later by a tenth. */
const FIRST_GROWTH = 2;
const GROWTH = 1.1;
/** Factor of the limit after a period in which the server did not keep up. */
const DECREASE = 0.9;
/** Answers are slow when they take so many times as long as the fastest did, and a little more. */
const SLOW_FACTOR = 2;
const SLOW_MS = 5;
/** The fastest answers are forgotten by this share in each period: what the server can do changes. */
const FORGET = 0.01;

/**
 * The number of effects that may run at one time: as many as the server answers without getting slower, from eight to a bound.
 *
 * A period lasts about as long as one answer takes. The limit grows in each period in which it is used up, and shrinks by
 * a tenth in one with a failure or with answers that take more than twice as long as the fastest did. It follows the way
 * of TCP's congestion control, as Vector's adaptive request concurrency does.
 */
export class AdaptiveLimit {
  readonly #max: number;
  readonly #floor: number;
  #value: number;
  #growth = FIRST_GROWTH;
  /** Mean of the fastest period. */
  #fastestMs = Number.POSITIVE_INFINITY;
  /** Of the present period. */
  #endsAt = Number.NEGATIVE_INFINITY;
  #answers = 0;
  #sumMs = 0;
  #wasUsedUp = false;
  #hasFailed = false;

  /** @param max bound of the limit; at least 1. */
  constructor(max: number) {
    this.#max = max;
    this.#floor = Math.min(FLOOR, max);
    this.#value = this.#floor;
  }

  get value(): number {
    return this.#value;
  }

  /** The limit keeps an effect from running. */
  usedUp(): void {
    this.#wasUsedUp = true;
  }

  /** An effect was answered. */
  answered(now: number, tookMs: number): void {
    this.#answers += 1;
    this.#sumMs += tookMs;
    if (now >= this.#endsAt) this.#judge(now);
  }

  /** An effect failed as in an outage, or was refused for its rate. */
  failed(now: number): void {
    this.#hasFailed = true;
    if (now >= this.#endsAt) this.#judge(now);
  }

  #judge(now: number): void {
    const meanMs = this.#answers === 0 ? undefined : this.#sumMs / this.#answers;
    if (meanMs !== undefined) this.#fastestMs = Math.min(meanMs, this.#fastestMs * (1 + FORGET));
    const isSlow = meanMs !== undefined && meanMs > this.#fastestMs * SLOW_FACTOR + SLOW_MS;
    if (this.#hasFailed || isSlow) {
      this.#growth = GROWTH;
      this.#value = Math.max(this.#floor, Math.floor(this.#value * DECREASE));
    } else if (this.#wasUsedUp) {
      this.#value = Math.min(this.#max, Math.ceil(this.#value * this.#growth));
    }
    this.#endsAt = now + (meanMs ?? 0);
    this.#answers = 0;
    this.#sumMs = 0;
    this.#wasUsedUp = false;
    this.#hasFailed = false;
  }
}
