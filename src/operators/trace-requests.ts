import { finalize, type Observable, tap } from 'rxjs';
import { toError } from '../core/errors.ts';
import type { SpanDescription, Tracing } from '../telemetry/tracing.ts';
import type { ItemResult, Slot } from './batch-into.ts';
import type { Batch, BatchItem } from './batcher.ts';

type Effect<T extends BatchItem> = (batch: Batch<T>, slot: Slot) => Observable<readonly ItemResult[]>;

/**
 * Records a span for each batch that contains traced messages, from its start to its results, with its retries. Without
 * tracing, returns the effect itself.
 *
 * @param tracing read once, when the sink is built.
 */
export function traceRequests<T extends BatchItem>(
  tracing: Tracing | undefined,
  describe: (batch: Batch<T>) => SpanDescription,
  effect: Effect<T>,
): Effect<T> {
  if (tracing === undefined) return effect;
  return (batch, slot) => {
    const messages = batch.items.map(({ delivery }) => delivery.ackHandle.trace);
    // A batch of untraced messages is not described.
    if (messages.every((message) => message === undefined)) return effect(batch, slot);
    const request = tracing.startRequest(messages, describe(batch));
    if (request === undefined) return effect(batch, slot);
    let problem: Error | undefined = new Error('abandoned without a result');
    const observed: Slot = {
      ...slot,
      pause: (target, isOutage) => {
        request.retried();
        slot.pause(target, isOutage);
      },
      retries: (isOutage) => {
        request.retried();
        slot.retries(isOutage);
      },
    };
    return effect(batch, observed).pipe(
      tap({
        next: (results) => {
          problem = results.find((result) => result !== undefined);
        },
        error: (thrown: unknown) => {
          problem = toError(thrown);
        },
      }),
      finalize(() => request.end(problem)),
    );
  };
}
