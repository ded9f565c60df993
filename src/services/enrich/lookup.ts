import { concatMap, defer, EMPTY, type Observable, of, throwError } from 'rxjs';
import type { Fetcher, LookupData } from '../../caches/fetcher.ts';
import type { Delivery } from '../../core/delivery.ts';
import { enriched } from '../../core/enveloped-message.ts';
import { asMessageError, PoisonError, type PoisonReason } from '../../core/errors.ts';
import { plainObject } from '../../core/hook-result.ts';
import type { EnrichmentData, Message } from '../../core/message.ts';
import { descend, keyPath, keyText, MessageView } from '../../core/message-path.ts';
import { fieldNames } from '../../core/path-parts.ts';
import { setMember } from '../../core/set-member.ts';
import type { OrderedEffect } from '../../operators/ordered-by-key.ts';
import { type RetryPolicy, retryWithBackoff } from '../../operators/retry-with-backoff.ts';
import type { EnrichConfig } from './config.ts';

/** Finds the key of a message's lookup; undefined if it has none. `hooks.ts` may replace it. */
export type KeyExtractor = (message: Message) => string | undefined;

/** What looked-up data adds to a message's enrichment data. `hooks.ts` may replace it. */
export type Applier = (data: LookupData, message: Message) => EnrichmentData;

/** Takes the first of the paths that leads to a key. */
export function keyByPaths(paths: readonly string[]): KeyExtractor {
  const readers = paths.map(keyPath);
  return (message) => {
    const view = new MessageView(message);
    for (const read of readers) {
      const key = read(view);
      if (key !== undefined) return key;
    }
    return undefined;
  };
}

/** Copies fields of the data by name; a field that is missing adds nothing. */
export function applyByNames(names: EnrichConfig['apply']): Applier {
  const readers = Object.entries(names).map(([name, field]) => ({ name, parts: namesOf(field) }));
  return (data) => {
    const added: Record<string, unknown> = {};
    for (const { name, parts } of readers) {
      const value = descend(data, parts);
      if (value !== undefined) setMember(added, name, value);
    }
    return added;
  };
}

function namesOf(field: string): readonly string[] {
  const names = fieldNames(field);
  if (typeof names === 'string') throw new Error(`"${field}" is no name of a field: ${names}`);
  return names;
}

/**
 * Makes an extractor of a pipeline's own safe: what it throws, or returns beside a text, a number or nothing, costs the
 * message at hand.
 */
export function checkedKey(extract: KeyExtractor): KeyExtractor {
  // Asked twice for each message, for its order and for its lookup.
  let lastMessage: Message | undefined;
  let lastKey: string | undefined;
  const checked = (message: Message): string | undefined => {
    let key: unknown;
    try {
      key = extract(message);
    } catch (thrown) {
      throw asMessageError(thrown, 'hook_failed');
    }
    if (key === undefined || key === null || key === '') return undefined;
    const text = keyText(key);
    if (text === undefined)
      throw new PoisonError('hook_failed', `the keyExtractor must return a text, and returned a ${typeof key}`);
    return text;
  };
  return (message) => {
    if (message === lastMessage) return lastKey;
    lastKey = checked(message);
    lastMessage = message;
    return lastKey;
  };
}

export interface LookupOptions {
  readonly fetcher: Fetcher;
  readonly keyOf: KeyExtractor;
  readonly apply: Applier;
  readonly withoutKey: EnrichConfig['withoutKey'];
  readonly withoutData: EnrichConfig['withoutData'];
  readonly retry: RetryPolicy;
  readonly onRetry: (error: Error) => void;
}

/**
 * Looks up what is known about a delivery's key, and emits the delivery with it added; or does what the configuration
 * says for a message without key or data. Errors with a RetryableError when the lookup fails for good.
 */
export function lookup(options: LookupOptions): OrderedEffect<Delivery> {
  const { fetcher, keyOf, apply, withoutKey, withoutData, retry, onRetry } = options;
  const withRetry = retryWithBackoff<LookupData | undefined>(retry, { onRetry });
  const atOnce = (delivery: Delivery): Delivery | undefined => {
    const key = keyOf(delivery.message);
    const data = key === undefined ? undefined : fetcher.held?.(key);
    return data && delivery.with(enriched(delivery.message, addedBy(apply, data, delivery.message)));
  };
  const effect = (delivery: Delivery): Observable<Delivery> => {
    const key = keyOf(delivery.message);
    if (key === undefined) return otherwise(withoutKey, delivery, 'no_key', 'the message has no key');
    return defer(() => fetcher.fetch(key)).pipe(
      withRetry,
      concatMap((data) => {
        if (data === undefined) return otherwise(withoutData, delivery, 'no_data', `there is no data for "${key}"`);
        return of(delivery.with(enriched(delivery.message, addedBy(apply, data, delivery.message))));
      }),
    );
  };
  return Object.assign(effect, { atOnce });
}

function addedBy(apply: Applier, data: LookupData, message: Message): EnrichmentData {
  try {
    return plainObject('applier', apply(data, message));
  } catch (thrown) {
    throw asMessageError(thrown, 'hook_failed');
  }
}

function otherwise(
  policy: EnrichConfig['withoutKey'],
  delivery: Delivery,
  reason: PoisonReason,
  problem: string,
): Observable<Delivery> {
  switch (policy) {
    case 'pass':
      return of(delivery);
    case 'drop':
      delivery.drop();
      return EMPTY;
    case 'deadLetter':
      return throwError(() => new PoisonError(reason, problem));
  }
}
