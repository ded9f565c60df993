/** Outages and slow answers never reduce the limit below this: other targets may work. */
const FLOOR = 8;
/** Growth per period: first as in TCP's slow start, later by a tenth. */
const FIRST_GROWTH = 2;
const GROWTH = 1.1;
/** Factor applied to the limit after a period in which the server fell behind. */
const DECREASE = 0.9;
/** Answers are slow if they take this many times the fastest time, plus `SLOW_MS`. */
const SLOW_FACTOR = 2;
const SLOW_MS = 5;
/** The fastest time decays by this share per period, since the server's capacity changes. */
const FORGET = 0.01;

/**
 * The number of effects that may run concurrently: as many as the server answers without slowing down, from eight to
 * `max`.
 *
 * A period lasts about as long as one answer. The limit grows in each period that uses it up. It shrinks by a tenth in
 * a period with a failure, or with answers that take more than twice the fastest time. It follows TCP's congestion
 * control, like Vector's adaptive request concurrency.
 */
export class AdaptiveLimit {
  readonly #max: number;
  readonly #floor: number;
  #value: number;
  #growth = FIRST_GROWTH;
  /** Mean of the fastest period. */
  #fastestMs = Number.POSITIVE_INFINITY;
  /** State of the current period. */
  #endsAt = Number.NEGATIVE_INFINITY;
  #answers = 0;
  #sumMs = 0;
  #wasUsedUp = false;
  #hasFailed = false;

  /** @param max upper bound of the limit; at least 1. */
  constructor(max: number) {
    this.#max = max;
    this.#floor = Math.min(FLOOR, max);
    this.#value = this.#floor;
  }

  get value(): number {
    return this.#value;
  }

  /** Records that the limit kept an effect from running. */
  usedUp(): void {
    this.#wasUsedUp = true;
  }

  /** Records an answer. */
  answered(now: number, tookMs: number): void {
    this.#answers += 1;
    this.#sumMs += tookMs;
    if (now >= this.#endsAt) this.#judge(now);
  }

  /** Records an outage, or a refusal because of the rate. */
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
