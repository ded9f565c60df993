import { LRUCache } from 'lru-cache';
import { of, tap } from 'rxjs';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { JsonNumber } from '../util/json/lossless-json.ts';
import { deepFreeze } from '../util/values.ts';
import type { Fetcher, LookupData, OnAnswer } from './fetcher.ts';

export interface MemoryCacheOptions {
  readonly maxEntries: number;
  /** Limit of all entries, as estimated by `heapBytes`. */
  readonly maxBytes: number;
  readonly ttlMs: number;
  readonly missingTtlMs: number;
  readonly onAnswer: OnAnswer;
  readonly telemetry: Telemetry;
}

/** Marks a key that is known to have no data. */
const MISSING = Symbol('missing');

/** Size of an entry besides its key and data. */
const ENTRY_BYTES = 200;

/**
 * Caches data in memory. Evicts the least recently used keys at either limit, and does not cache an entry above the
 * whole limit. Entries expire after their TTL, those without data after a shorter one. Data is frozen, so that a hook
 * cannot change it for later messages.
 */
export function memoryCache(next: Fetcher, options: MemoryCacheOptions): Fetcher {
  const { maxEntries, maxBytes, ttlMs, missingTtlMs, onAnswer, telemetry } = options;
  const entries = new LRUCache<string, LookupData | typeof MISSING>({
    max: maxEntries,
    maxSize: maxBytes,
    sizeCalculation: (data, key) => ENTRY_BYTES + heapBytes(key) + (data === MISSING ? 0 : heapBytes(data)),
    ttl: ttlMs,
  });
  const ofMemory = (value: number) => [[{ layer: 'memory' }, value] as const];
  telemetry.gauge('dataflow_cache_entries', 'Keys in a cache.', () => ofMemory(entries.size), ['layer']);
  telemetry.gauge(
    'dataflow_cache_size_bytes',
    'Estimated size of the entries of a cache.',
    () => ofMemory(entries.calculatedSize),
    ['layer'],
  );
  telemetry.gauge(
    'dataflow_cache_limit_bytes',
    'The most bytes that the entries of a cache may take.',
    () => ofMemory(maxBytes),
    ['layer'],
  );
  let invalidations = 0;
  const peek = (key: string): LookupData | undefined => {
    const known = entries.get(key);
    if (known === undefined || known === MISSING) return undefined;
    onAnswer({ layer: 'memory', key, found: true });
    return known;
  };
  return {
    peek,
    fetch: (key) => {
      const data = peek(key);
      if (data !== undefined) return of(data);
      if (entries.get(key) === MISSING) {
        onAnswer({ layer: 'memory', key, found: false });
        return of(undefined);
      }
      const before = invalidations;
      return next.fetch(key).pipe(
        tap((data) => {
          deepFreeze(data);
          // Data fetched before an invalidation may be outdated.
          if (invalidations !== before) return;
          if (data === undefined) entries.set(key, MISSING, { ttl: missingTtlMs });
          // Concurrent fetches may have stored the same data.
          else if (entries.peek(key) !== data) entries.set(key, data);
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

/** Size of an object, list or JsonNumber: its header, and the slot that refers to it. */
const OBJECT_BYTES = 48;
const SLOT_BYTES = 8;
/** Size of a number in an object, which may be boxed. */
const NUMBER_BYTES = 24;
const STRING_BYTES = 32;
/** An object with more members is a table that includes the names; others share their names through a hidden class. */
const MOST_SHARED_NAMES = 64;
const TABLE_ENTRY_BYTES = 64;
const WIDE = /[^\0-\xff]/;

/**
 * Estimates the size of a JSON value in V8's heap, with a bias upwards. A string takes one byte per character, or two
 * if any character is beyond U+00FF; an object takes its members; every part adds overhead. A value referenced twice
 * counts twice.
 */
export function heapBytes(value: unknown): number {
  let bytes = 0;
  // Iterative, because stored data may be nested deeper than the stack.
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === 'string') bytes += textBytes(next);
    else if (typeof next !== 'object' || next === null) bytes += NUMBER_BYTES;
    else if (next instanceof JsonNumber) bytes += OBJECT_BYTES + textBytes(next.toString());
    else if (Array.isArray(next)) {
      bytes += OBJECT_BYTES + next.length * SLOT_BYTES;
      for (const element of next) if (typeof element !== 'number') waiting.push(element);
    } else {
      const members = Object.entries(next);
      bytes += OBJECT_BYTES;
      for (const [name, member] of members) {
        if (members.length > MOST_SHARED_NAMES) bytes += TABLE_ENTRY_BYTES + textBytes(name);
        waiting.push(member);
      }
    }
  }
  return bytes;
}

function textBytes(text: string): number {
  return STRING_BYTES + text.length * (WIDE.test(text) ? 2 : 1);
}
