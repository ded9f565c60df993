import { isJsonObject, parseExact } from '../../util/json/lossless-json.ts';
import type { LookupData } from '../fetcher.ts';

/** Default prefix of the cache's keys, which no other program uses. */
export const OWN_PREFIX = 'dataflow:device:';

/** The value stored for a key that is known to have no data. */
export const NO_DATA = 'no data';

/** Returns the key of a record. */
export const recordKey = (prefix: string, key: string): string => prefix + key;

/**
 * Returns the key of a "no data" mark. It never equals the key of any device's record: the two differ at the position
 * of the prefix's last character.
 */
export function noDataKey(prefix: string, key: string): string {
  return `${prefix.slice(0, -1)}${prefix.endsWith('-') ? '_' : '-'}none${prefix.slice(-1)}${key}`;
}

/** Parses a record; undefined if the text is not a JSON object. */
export function recordIn(text: string): LookupData | undefined {
  try {
    const value = parseExact(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Redis stores bytes: a lone surrogate would become U+FFFD, and the key another device's. */
export const isRedisKey = (key: string): boolean => key.isWellFormed();
