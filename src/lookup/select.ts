import { map } from 'rxjs';
import type { Fetcher, LookupData } from './fetcher.ts';

/** Takes what is needed out of the data of every key, before a cache in front of it keeps the data. */
export function selecting(next: Fetcher, select: (data: LookupData) => LookupData): Fetcher {
  return {
    fetch: (key) => next.fetch(key).pipe(map((data) => data && select(data))),
    invalidate: (key) => next.invalidate(key),
    close: () => next.close(),
  };
}
