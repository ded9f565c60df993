import type { Observable } from 'rxjs';

/** The data of a key, for example a device's document. */
export type LookupData = Readonly<Record<string, unknown>>;

/**
 * A source of data by key. A cache is a Fetcher in front of another one: it fetches missing keys from there and keeps
 * them. A chain is thus a single value: `memory(redis(firestore))`.
 */
export interface Fetcher {
  /**
   * Emits the data once, or undefined if the key is known to have none, and completes. Shared data is frozen. Errors
   * with a RetryableError if the data cannot be fetched now.
   */
  fetch(key: string): Observable<LookupData | undefined>;
  /** Returns the data of a key if this layer has it without waiting. Reported as an answer like one of `fetch`. */
  peek?(key: string): LookupData | undefined;
  /**
   * Removes a key from this layer and those behind it. A fetch in progress does not restore older data. Errors with a
   * RetryableError if a layer may still hold the key.
   */
  invalidate(key: string): Observable<void>;
  /** Stops work in this layer and those behind it, and resolves when it has stopped. Clients stay open. */
  close(): Promise<void>;
}

/** The layers of the cache chain, from the nearest to the last. */
export const LAYERS = ['memory', 'redis', 'firestore', 'fetcher'] as const;

/** The layer that provided the answer. */
export type Layer = (typeof LAYERS)[number];

/** Called for each answer with its layer, its key, and whether there was data. */
export type OnAnswer = (answer: { readonly layer: Layer; readonly key: string; readonly found: boolean }) => void;
