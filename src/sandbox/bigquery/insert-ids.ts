/** How long an id is remembered at least, while no more than the bound arrive: the service promises about a minute. */
const WINDOW_MS = 60_000;

/**
 * The insertIds that one table has seen lately, in two generations: an id is remembered for one to two minutes. Memory
 * is bounded by `maxPerGeneration` ids in each; above that many a minute the window is shorter (best effort, as is the
 * service's own).
 */
export class InsertIds {
  readonly #maxPerGeneration: number;
  #current = new Set<string>();
  #previous = new Set<string>();
  #rotateAt = 0;

  constructor(maxPerGeneration = 1_000_000) {
    this.#maxPerGeneration = maxPerGeneration;
  }

  /** Remembers the id, and says whether it is new. */
  add(id: string, nowMs: number = performance.now()): boolean {
    if (nowMs >= this.#rotateAt || this.#current.size >= this.#maxPerGeneration) {
      this.#previous = nowMs >= this.#rotateAt + WINDOW_MS ? new Set() : this.#current;
      this.#current = new Set();
      this.#rotateAt = nowMs + WINDOW_MS;
    }
    if (this.#current.has(id) || this.#previous.has(id)) return false;
    this.#current.add(id);
    return true;
  }
}
