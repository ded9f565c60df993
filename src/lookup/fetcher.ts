import type { Observable } from 'rxjs';

/** The data of a key, for example a device's document. */
export type LookupData = Readonly<Record<string, unknown>>;

/**
 * A source of data about a key. A cache is a Fetcher in front of another one: what it does not hold it fetches
 * from there, and keeps. So a chain is one value: `memory(redis(firestore))`.
 */
export interface Fetcher {
  /**
   * Emits the data once, frozen where others get the same, or undefined if the key is known to have none, and completes. Errors with a RetryableError
   * when it cannot be known now.
   */
  fetch(key: string): Observable<LookupData | undefined>;
  /** The data of a key, if this layer has it and need not wait for it; told as an answer like one of `fetch`. */
  peek?(key: string): LookupData | undefined;
  /**
   * Forgets a key, in this layer and behind it; a fetch that begins now, or is under way, leaves nothing older in them.
   * Errors with a RetryableError when a layer may still hold the key.
   */
  invalidate(key: string): Observable<void>;
  /** Ends what is under way, in this layer and behind it, and resolves when it has ended. Clients stay open. */
  close(): Promise<void>;
}

/** Which layer had the answer. */
export type Layer = 'memory' | 'redis' | 'firestore' | 'fetcher';

/** Told for each answer: by which layer, for which key, and whether there was data. */
export type OnAnswer = (answer: { readonly layer: Layer; readonly key: string; readonly found: boolean }) => void;
