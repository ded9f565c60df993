import type { MonoTypeOperatorFunction } from 'rxjs';
import type { Delivery } from '../core/delivery.ts';
import { drop } from '../core/hook-result.ts';
import type { Message } from '../core/message.ts';
import { mapMessage } from './map-message.ts';

/**
 * Passes deliveries whose message satisfies `predicate`, in order, and drops the others. RxJS' own `filter` would leave
 * those unsettled, and the source would stop once its credit is used up. An error thrown by the predicate affects only
 * that delivery, as with `mapMessage`.
 *
 *     deliveries.pipe(filterMessages(({ attributes }) => attributes.severity === 'alarm'))
 */
export function filterMessages(
  predicate: (message: Message, delivery: Delivery) => boolean,
): MonoTypeOperatorFunction<Delivery> {
  return mapMessage((message, delivery) => (predicate(message, delivery) ? message : drop));
}
