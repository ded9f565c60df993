import { LRUCache } from 'lru-cache';
import { of, tap } from 'rxjs';
import { deepFreeze } from '../core/deep-freeze.ts';
import type { Fetcher, LookupData, OnAnswer } from './fetcher.ts';

export interface MemoryCacheOptions {
  readonly maxEntries: number;
  readonly ttlMs: number;
  readonly missingTtlMs: number;
  readonly onAnswer: OnAnswer;
}

/** What stands for "known to have no data". */
const MISSING = Symbol('missing');

/**
 * The least recently used keys leave first; entries live for their TTL, and those without data for a shorter one. Entries
 * are frozen, so that no hook changes what later messages get.
 */
export function memoryCache(next: Fetcher, options: MemoryCacheOptions): Fetcher {
  const { maxEntries, ttlMs, missingTtlMs, onAnswer } = options;
  const entries = new LRUCache<string, LookupData | typeof MISSING>({ max: maxEntries, ttl: ttlMs });
  let invalidations = 0;
  const held = (key: string): LookupData | undefined => {
    const known = entries.get(key);
    if (known === undefined || known === MISSING) return undefined;
    onAnswer({ layer: 'memory', key, found: true });
    return known;
  };
  return {
    held,
    fetch: (key) => {
      const data = held(key);
      if (data !== undefined) return of(data);
      if (entries.get(key) === MISSING) {
        onAnswer({ layer: 'memory', key, found: false });
        return of(undefined);
      }
      const before = invalidations;
      return next.fetch(key).pipe(
        tap((data) => {
          deepFreeze(data);
          // What was fetched before an invalidation may be what was to be forgotten.
          if (invalidations !== before) return;
          if (data === undefined) entries.set(key, MISSING, { ttl: missingTtlMs });
          else entries.set(key, data);
        }),
      );
    },
    invalidate: (key) => {
      invalidations += 1;
      entries.delete(key);
      return next.invalidate(key);
    },
    close: () => next.close(),
  };
}
