import type { Delivery } from './delivery.ts';
import { PoisonError, toError } from './errors.ts';

/** The result that a graph settles one delivery by. `settle()` applies it. */
export type Outcome =
  | { readonly verdict: 'ack'; readonly delivery: Delivery }
  | { readonly verdict: 'drop'; readonly delivery: Delivery }
  | { readonly verdict: 'nack'; readonly delivery: Delivery; readonly error: Error; readonly afterMs?: number }
  | { readonly verdict: 'deadLetter'; readonly delivery: Delivery; readonly poison: PoisonError };

/** Returns the outcome of a delivery that the other side confirmed. */
export function accepted(delivery: Delivery): Outcome {
  return { verdict: 'ack', delivery };
}

/** Returns the outcome of a delivery that goes back to its source for redelivery no sooner than `afterMs` from now. */
export function postponed(delivery: Delivery, error: Error, afterMs: number): Outcome {
  return { verdict: 'nack', delivery, error, afterMs };
}

/** Returns the outcome of an error: poison goes to dead-letter, everything else goes back to the source. */
export function failed(delivery: Delivery, thrown: unknown): Outcome {
  if (thrown instanceof PoisonError) return { verdict: 'deadLetter', delivery, poison: thrown };
  return { verdict: 'nack', delivery, error: toError(thrown) };
}
