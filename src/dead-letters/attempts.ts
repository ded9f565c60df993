import { LRUCache } from 'lru-cache';
import type { PoisonReason } from '../core/errors.ts';

/** Messages whose attempts are remembered: those that failed last. One takes about 100 bytes. */
const MAX_REMEMBERED = 100_000;

/** Failures that time or a deployment can mend. The others are in the message itself, or in what it was sent to. */
const MENDABLE: ReadonlySet<PoisonReason> = new Set(['hook_failed', 'rejected', 'no_data', 'internal']);

/**
 * Counts how often messages have failed by their own fault, by the id that their source gives them on each delivery.
 * The count is this process's: after a restart it begins anew. Pub/Sub's own delivery attempts would count outages too.
 */
export class Attempts {
  readonly #max: number;
  readonly #failures: LRUCache<string, number> | undefined;

  /** @param max failures after which a message is given up; with 1 nothing is counted. */
  constructor(max: number) {
    this.#max = max;
    this.#failures = max > 1 ? new LRUCache({ max: MAX_REMEMBERED }) : undefined;
  }

  /** Counts a failure. `isLast` when the message is to be given up. */
  failed(messageId: string | undefined, reason: PoisonReason): { readonly attempt: number; readonly isLast: boolean } {
    if (this.#failures === undefined || messageId === undefined) return { attempt: 1, isLast: true };
    const attempt = (this.#failures.get(messageId) ?? 0) + 1;
    this.#failures.set(messageId, attempt);
    return { attempt, isLast: attempt >= this.#max || !MENDABLE.has(reason) };
  }
}
