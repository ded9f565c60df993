import { defer, EMPTY, type Observable, of } from 'rxjs';
import type { Fetcher, LookupData } from '../lookup/fetcher.ts';

/** The layer after the tested one: answers from a table, and records the requested keys. */
export interface FakeFetcher extends Fetcher {
  readonly fetched: string[];
  readonly invalidated: string[];
  readonly closed: () => boolean;
}

/** @param answer the result of a fetch of a key; default: the data in the table, immediately. */
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
