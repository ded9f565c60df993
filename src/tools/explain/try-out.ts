import { filter, firstValueFrom, map, type Observable, type OperatorFunction, of, race, take, toArray } from 'rxjs';
import { AckHandle, Delivery, type Outcome } from '../../core/delivery.ts';
import type { PoisonError } from '../../core/errors.ts';
import type { Message, Original } from '../../core/message.ts';
import { batchInto } from '../../operators/batch-into.ts';
import type { BatchItem } from '../../operators/batcher.ts';
import type { ServiceContext } from '../../services/service-context.ts';

/** Limits of a service that handles one message. */
export const ONE_MESSAGE = () => ({ maxInFlight: 1, maxInFlightBytes: Number.MAX_SAFE_INTEGER });

/** Telemetry that writes nothing. */
export const QUIET = { level: 'silent', processMetrics: false };

/** A delivery as its source creates it. */
export interface Arrived {
  readonly original: Original;
  readonly message: Message;
  /** Set if the source itself dead-letters the message. */
  readonly poison?: PoisonError | undefined;
}

/** The end of a delivery: the sink receives the prepared item, or the message goes elsewhere. */
export type Ended<Item> =
  | { readonly kind: 'taken'; readonly item: Item }
  | { readonly kind: 'deadLettered'; readonly poison: PoisonError }
  | { readonly kind: 'dropped' }
  /** A hook reports an outage: it is called again, and the message waits. */
  | { readonly kind: 'waits'; readonly error: string }
  | { readonly kind: 'goesBack'; readonly error: string };

class TrialAckHandle extends AckHandle {
  protected override acknowledge(): void {}
  protected override giveBack(): void {}
}

/**
 * Sends one delivery through the graph of a service, and returns its end. The graph ends in a sink that prepares the
 * delivery as the service's own sink does, but writes nothing.
 */
export async function tryOut<Item extends BatchItem>(
  context: ServiceContext,
  { original, message, poison }: Arrived,
  prepare: (delivery: Delivery) => Item | undefined,
  graph: (deliveries: Observable<Delivery>, sink: OperatorFunction<Delivery, Outcome>) => Observable<Outcome>,
): Promise<Ended<Item>> {
  let given = poison;
  let taken: Item | undefined;
  const { ledger, credit, readiness } = context;
  credit.tryTake(original.data.byteLength);
  const handle = new TrialAckHandle(
    context.context((_, reason, { onPublished }) => {
      given = reason;
      onPublished();
      return undefined;
    }),
    original,
  );
  if (poison !== undefined) return { kind: 'deadLettered', poison };
  const sink = batchInto<Item>(
    {
      limits: { maxCount: 1, maxBytes: Number.MAX_SAFE_INTEGER, maxAgeMs: 1, maxOpen: 1 },
      concurrency: 1,
      credit,
      prepare,
    },
    ({ items }) => {
      [taken] = items;
      return of([undefined]);
    },
  );
  const outcomes = graph(of(new Delivery(message, handle)), sink).pipe(toArray());
  const waiting = readiness.changes.pipe(
    map(({ components }) =>
      Object.entries(components).find(([part, { state }]) => part.startsWith('hooks.') && state === 'failing'),
    ),
    filter((part) => part !== undefined),
    map(([, { detail }]) => detail),
    take(1),
  );
  const ended = await firstValueFrom(race(outcomes, waiting));
  if (typeof ended === 'string') return { kind: 'waits', error: ended };
  if (given !== undefined) return { kind: 'deadLettered', poison: given };
  if (ledger.dropped > 0) return { kind: 'dropped' };
  if (taken !== undefined) return { kind: 'taken', item: taken };
  const back = ended.find((outcome) => outcome.verdict === 'nack');
  return { kind: 'goesBack', error: back?.error.message ?? 'it went back to its source' };
}
