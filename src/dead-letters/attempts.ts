import { LRUCache } from 'lru-cache';
import type { PoisonReason } from '../core/errors.ts';

/** Messages whose attempts are kept, the most recent failures. Each takes about 100 bytes. */
const MAX_REMEMBERED = 100_000;

/** Failures that time or a deployment can fix. The others lie in the message itself or in its target. */
const MENDABLE: ReadonlySet<PoisonReason> = new Set(['hook_failed', 'rejected', 'no_data', 'internal']);

/** Returns the failures after which a message is dead-lettered: one, unless time or a deployment can fix the cause. */
export function attemptsOf(reason: PoisonReason, maxAttempts: number): number {
  return MENDABLE.has(reason) ? maxAttempts : 1;
}

/**
 * Counts how often messages have failed by their own fault, by the id that their source gives them on each delivery.
 * The count belongs to this process and restarts with it. Pub/Sub's own delivery attempts would include outages.
 */
export class Attempts {
  readonly #max: number;
  readonly #failures: LRUCache<string, number> | undefined;

  /** @param max failures after which a message is dead-lettered; with 1, nothing is counted. */
  constructor(max: number) {
    this.#max = max;
    this.#failures = max > 1 ? new LRUCache({ max: MAX_REMEMBERED }) : undefined;
  }

  /** Counts a failure. `isLast` is true if the message must be dead-lettered. */
  failed(messageId: string | undefined, reason: PoisonReason): { readonly attempt: number; readonly isLast: boolean } {
    if (this.#failures === undefined || messageId === undefined) return { attempt: 1, isLast: true };
    const attempt = (this.#failures.get(messageId) ?? 0) + 1;
    this.#failures.set(messageId, attempt);
    return { attempt, isLast: attempt >= attemptsOf(reason, this.#max) };
  }
}
