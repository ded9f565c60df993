import { merge, type Observable } from 'rxjs';
import type { Delivery } from './delivery.ts';
import type { Source } from './source.ts';

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
