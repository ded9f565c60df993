/** See https://docs.cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataconsistency. */
const REMEMBERED_MS = 60_000;

/**
 * The insert ids that a table received in the last minute. Ids are dropped by generations of a minute, so memory holds
 * at most those of two minutes, up to the last insert.
 */
export class InsertIds {
  readonly #now: () => number;
  #current = new Map<string, number>();
  #previous = new Map<string, number>();
  #startedAt: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  /** Returns the rows whose id was not seen in the last minute, and records their ids. */
  admit<T>(rows: readonly (readonly [id: unknown, row: T])[]): T[] {
    const now = this.#now();
    this.#rotate(now);
    const admitted: T[] = [];
    for (const [id, row] of rows) {
      if (typeof id === 'string' && id !== '') {
        const at = this.#current.get(id) ?? this.#previous.get(id);
        if (at !== undefined && now - at < REMEMBERED_MS) continue;
        this.#current.set(id, now);
      }
      admitted.push(row);
    }
    return admitted;
  }

  #rotate(now: number): void {
    if (now - this.#startedAt < REMEMBERED_MS) return;
    this.#previous = now - this.#startedAt < 2 * REMEMBERED_MS ? this.#current : new Map();
    this.#current = new Map();
    this.#startedAt = now;
  }
}
