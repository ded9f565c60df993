import { groupBy, mergeMap, type OperatorFunction } from 'rxjs';
import type { Credit } from '../core/credit.ts';
import type { Delivery, Outcome } from '../core/delivery.ts';

/**
 * Applies a separate operator to the deliveries of each credit, so that sources with their own credit cannot fill up a
 * shared buffer. Keeps the order within a source.
 */
export function byCredit(
  operatorOf: (credit: Credit) => OperatorFunction<Delivery, Outcome>,
): OperatorFunction<Delivery, Outcome> {
  return (deliveries) =>
    deliveries.pipe(
      groupBy(({ ackHandle }) => ackHandle.context.credit),
      mergeMap((ofCredit) => ofCredit.pipe(operatorOf(ofCredit.key))),
    );
}
