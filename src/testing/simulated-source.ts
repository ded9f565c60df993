import { Observable, type SchedulerLike, Subscription } from 'rxjs';
import type { DeliveryContext } from '../core/delivery.ts';
import { type TestDelivery, type TestFields, tryDelivery } from './test-context.ts';

/** A message with its time of arrival at a simulated source. */
export interface Arrival {
  readonly atMs: number;
  readonly fields: TestFields;
}

/** Deliveries as emitted by a real source, and those emitted so far. */
export interface SimulatedSource {
  readonly deliveries: Observable<TestDelivery>;
  readonly emitted: readonly TestDelivery[];
  /** Returns unsettled messages, like unsubscribing before completion. */
  abort(): void;
}

/**
 * A source in virtual time. Messages arrive in the given order, wait for credit, and are emitted inside the call that
 * released it, like with real sources. Completes after the last; unsubscribing before is the abort.
 */
export function simulatedSource(
  context: DeliveryContext,
  arrivals: readonly Arrival[],
  scheduler: SchedulerLike,
): SimulatedSource {
  const emitted: TestDelivery[] = [];
  const abort = (): void => {
    for (const { ackHandle } of emitted) ackHandle.abandon();
  };
  const deliveries = new Observable<TestDelivery>((subscriber) => {
    const work = new Subscription();
    let arrived = 0;
    let emitting = false;
    let completed = false;
    const complete = (): void => {
      completed = true;
      subscriber.complete();
    };
    const emit = (): void => {
      if (emitting) return;
      emitting = true;
      while (emitted.length < arrived) {
        const delivery = tryDelivery(context, arrivals[emitted.length]?.fields ?? {});
        if (delivery === undefined) break;
        emitted.push(delivery);
        subscriber.next(delivery);
      }
      emitting = false;
      if (emitted.length === arrivals.length) complete();
    };
    work.add(context.credit.released.subscribe(emit));
    for (const { atMs } of arrivals) {
      work.add(
        scheduler.schedule(() => {
          arrived += 1;
          emit();
        }, atMs),
      );
    }
    if (arrivals.length === 0) complete();
    return () => {
      work.unsubscribe();
      if (!completed) abort();
    };
  });
  return { deliveries, emitted, abort };
}
