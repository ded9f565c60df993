import { defer, EMPTY, type Observable, of } from 'rxjs';
import type { Fetcher, LookupData } from '../lookup/fetcher.ts';

/** The layer behind the one that is tested: answers from a table, and remembers what it was asked. */
export interface FakeFetcher extends Fetcher {
  readonly fetched: string[];
  readonly invalidated: string[];
  readonly closed: () => boolean;
}

/** @param answer what a fetch of a key gives; default: the data of the table, at once. */
export function fakeFetcher(
  table: Record<string, LookupData>,
  answer: (key: string) => Observable<LookupData | undefined> = (key) => of(table[key]),
): FakeFetcher {
  const fetched: string[] = [];
  const invalidated: string[] = [];
  let closed = false;
  return {
    fetched,
    invalidated,
    closed: () => closed,
    fetch: (key) =>
      defer(() => {
        fetched.push(key);
        return answer(key);
      }),
    invalidate: (key) =>
      defer(() => {
        invalidated.push(key);
        return EMPTY;
      }),
    close: async () => {
      closed = true;
    },
  };
}
