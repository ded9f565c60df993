import { merge, type Observable } from 'rxjs';
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

/** Merges sources into one that is disconnected when all of them are. Each keeps its own credit and order. */
export class MergedSource implements Source {
  readonly disconnected: Promise<void>;
  readonly #sources: readonly Source[];

  constructor(sources: readonly Source[]) {
    this.#sources = sources;
    this.disconnected = Promise.all(sources.map((source) => source.disconnected)).then(() => {});
  }

  get unconfirmed(): number {
    return this.#sources.reduce((sum, source) => sum + source.unconfirmed, 0);
  }

  deliveries(stop: Observable<unknown>): Observable<Delivery> {
    return merge(...this.#sources.map((source) => source.deliveries(stop)));
  }

  abort(): void {
    for (const source of this.#sources) source.abort();
  }
}
