import type { Observable } from 'rxjs';
import type { Delivery } from './delivery.ts';

/**
 * A source of deliveries.
 *
 * `deliveries(stop)` is cold: subscribing connects. When `stop` emits, the source pulls no more and completes; what it
 * has emitted can still be settled, and its leases live on. Once the last delivery is settled and every settlement is
 * confirmed, it disconnects and `disconnected` resolves. Unsubscribing before completion is the abort, and so is
 * `abort()` at any time: what is unsettled goes back. Never `takeUntil` a source: that aborts it.
 *
 * Only a FatalError ends the stream with an error.
 */
export interface Source {
  deliveries(stop: Observable<unknown>): Observable<Delivery>;
  readonly disconnected: Promise<void>;
  /** Settlements that the source could not confirm: those messages come again. */
  readonly unconfirmed: number;
  abort(): void;
}
