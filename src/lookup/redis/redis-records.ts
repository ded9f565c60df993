import { isJsonObject, parseExact } from '../../util/json/lossless-json.ts';
import type { LookupData } from '../fetcher.ts';

/** Default prefix of the cache's keys: one that no other program has. */
export const OWN_PREFIX = 'dataflow:device:';

/** The value stored for a key that is known to have no data. */
export const NO_DATA = 'no data';

/** The key of a record. */
export const recordKey = (prefix: string, key: string): string => prefix + key;

/**
 * The key of a mark "no data". It is not a record's, of any device: the two begin differently in the place of the last
 * character of the prefix.
 */
export function noDataKey(prefix: string, key: string): string {
  return `${prefix.slice(0, -1)}${prefix.endsWith('-') ? '_' : '-'}none${prefix.slice(-1)}${key}`;
}

/** The record in a text; undefined if it is not a JSON object. */
export function recordIn(text: string): LookupData | undefined {
  try {
    const value = parseExact(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Redis stores bytes: a lone surrogate would become U+FFFD there, and the key that of another device. */
export const isRedisKey = (key: string): boolean => key.isWellFormed();
