import { type MonoTypeOperatorFunction, tap } from 'rxjs';
import type { Outcome } from '../core/delivery.ts';

/**
 * Settles each delivery by its outcome, and passes the outcome on. Belongs at the end of every graph: nothing else
 * settles what a sink has written.
 */
export function settle(): MonoTypeOperatorFunction<Outcome> {
  return tap((outcome) => {
    switch (outcome.verdict) {
      case 'ack':
        return outcome.delivery.ack();
      case 'drop':
        return outcome.delivery.drop();
      case 'nack':
        outcome.delivery.ackHandle.trace?.fail(outcome.error);
        return outcome.delivery.nack(outcome.afterMs);
      case 'deadLetter':
        return outcome.delivery.deadLetter(outcome.poison);
    }
  });
}
