import type { Observable } from 'rxjs';
import type { Delivery } from './delivery.ts';

/**
 * A source of deliveries.
 *
 * `deliveries(stop)` is cold: subscribing connects. When `stop` emits, the source stops pulling and completes; emitted
 * deliveries can still be settled, and their leases are extended. The source disconnects and resolves `disconnected`
 * once the last delivery is settled and every settlement is confirmed.
 *
 * Unsubscribing before completion aborts, as does `abort()` at any time: unsettled messages go back. Never apply
 * `takeUntil` to a source, which aborts it. Only a FatalError ends the stream with an error.
 */
export interface Source {
  deliveries(stop: Observable<unknown>): Observable<Delivery>;
  readonly disconnected: Promise<void>;
  /** Settlements that the source could not confirm. It delivers these messages again. */
  readonly unconfirmed: number;
  abort(): void;
}
