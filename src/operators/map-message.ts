import { Observable, type OperatorFunction } from 'rxjs';
import type { Delivery } from '../core/delivery.ts';
import { asMessageError, FatalError, PoisonError } from '../core/errors.ts';
import { type Drop, drop } from '../core/hook-result.ts';
import type { Message } from '../core/message.ts';

/**
 * Replaces each delivery's message with the result of `project`. A result of `drop` acknowledges the message and counts
 * it as dropped.
 *
 * An error it throws affects only that delivery. It goes to dead-letter, with the reason of a PoisonError or else as
 * `hook_failed`; on a RetryableError it goes back. Only a FatalError ends the stream.
 *
 *     deliveries.pipe(mapMessage((message) => enriched(message, { site: 'north' })))
 */
export function mapMessage(
  project: (message: Message, delivery: Delivery) => Message | Drop,
): OperatorFunction<Delivery, Delivery> {
  return (source) =>
    new Observable((subscriber) =>
      source.subscribe({
        next: (delivery) => {
          let message: Message | Drop;
          try {
            message = project(delivery.message, delivery);
          } catch (thrown) {
            const error = asMessageError(thrown, 'hook_failed');
            if (thrown instanceof FatalError) subscriber.error(thrown);
            else if (error instanceof PoisonError) delivery.deadLetter(error);
            else delivery.nack();
            return;
          }
          if (message === drop) delivery.drop();
          else subscriber.next(message === delivery.message ? delivery : delivery.with(message));
        },
        error: (error) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );
}
