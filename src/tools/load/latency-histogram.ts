/** Neighboring buckets differ by one percent, which bounds the error of a reported latency. */
const STEP = 1.01;
const SMALLEST_MS = 0.01;
const LARGEST_MS = 3_600_000;
const BUCKETS = Math.ceil(Math.log(LARGEST_MS / SMALLEST_MS) / Math.log(STEP)) + 1;

/** Latencies in milliseconds; null without measurements. */
export interface LatencySummary {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/**
 * Counts latencies from 10 µs to an hour in buckets of one percent, in a constant 16 KB. `max` is exact; latencies
 * beyond an hour count as an hour for the quantiles.
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #max = 0;

  add(ms: number): void {
    const index = ms <= SMALLEST_MS ? 0 : Math.ceil(Math.log(ms / SMALLEST_MS) / Math.log(STEP));
    const bucket = Math.min(index, BUCKETS - 1);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
    this.#max = Math.max(this.#max, ms);
  }

  /**
   * Returns the latency that a share (0 to 1) did not exceed, at most one percent too high; null without measurements.
   */
  quantile(share: number): number | null {
    if (this.#total === 0) return null;
    const rank = Math.max(1, Math.ceil(share * this.#total));
    let below = 0;
    for (let index = 0; index < BUCKETS; index += 1) {
      below += this.#counts[index] ?? 0;
      if (below >= rank) return Math.min(SMALLEST_MS * STEP ** index, this.#max);
    }
    return this.#max;
  }

  get summary(): LatencySummary {
    const rounded = (share: number): number | null => {
      const value = this.quantile(share);
      return value === null ? null : Number(value.toPrecision(3));
    };
    return {
      p50: rounded(0.5),
      p90: rounded(0.9),
      p99: rounded(0.99),
      p999: rounded(0.999),
      max: this.#total === 0 ? null : Math.round(this.#max * 100) / 100,
    };
  }
}
