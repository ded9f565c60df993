import type { MonoTypeOperatorFunction } from 'rxjs';
import type { Delivery } from '../core/delivery.ts';
import { drop } from '../core/hook-result.ts';
import type { Message } from '../core/message.ts';
import { mapMessage } from './map-message.ts';

/**
 * Passes the deliveries whose message satisfies `predicate`, in their order, and settles the others as dropped. RxJS' own
 * `filter` would leave those unsettled, and the source would stop when its credit is used up. What the predicate throws
 * costs that delivery alone, as with `mapMessage`.
 *
 *     deliveries.pipe(filterMessages(({ attributes }) => attributes.severity === 'alarm'))
 */
export function filterMessages(
  predicate: (message: Message, delivery: Delivery) => boolean,
): MonoTypeOperatorFunction<Delivery> {
  return mapMessage((message, delivery) => (predicate(message, delivery) ? message : drop));
}
