import { concatMap, defer, EMPTY, type Observable, of, throwError } from 'rxjs';
import type { Delivery } from '../../core/delivery.ts';
import { PoisonError, type PoisonReason } from '../../core/errors.ts';
import { callSync, type Drop, drop, plainObject } from '../../core/hook-result.ts';
import type { EnrichmentData, Message } from '../../core/message.ts';
import { descend, keyPath, keyText, MessageView } from '../../core/message-path.ts';
import { fieldNames } from '../../core/path-parts.ts';
import { enriched } from '../../formats/envelope/envelope.ts';
import type { Fetcher, LookupData } from '../../lookup/fetcher.ts';
import type { HookAnswer } from '../../operators/apply-hook.ts';
import type { OrderedEffect } from '../../operators/ordered-by-key.ts';
import { type RetryPolicy, retryWithBackoff } from '../../operators/retry.ts';
import { setMember } from '../../util/values.ts';
import type { EnrichConfig } from './config.ts';

/** Returns the key of a message's lookup; undefined if it has none. */
export type KeyOf = (message: Message) => string | undefined;

/** A hook that returns the key of a message. */
export type KeyExtractor = (message: Message) => HookAnswer<string | number | undefined>;

/** Returns the enrichment data that looked-up data adds to a message. `hooks.ts` may replace it. */
export type Applier = (data: LookupData, message: Message) => EnrichmentData | Drop;

/** Reads the key at the first path that has one. */
export function keyByPaths(paths: readonly string[]): KeyOf {
  const readers = paths.map(keyPath);
  const keyOf = (message: Message): string | undefined => {
    const view = new MessageView(message);
    for (const read of readers) {
      const key = read(view);
      if (key !== undefined) return key;
    }
    return undefined;
  };
  // Caches the last key: each message needs it twice, for its order and its lookup.
  let lastMessage: Message | undefined;
  let lastKey: string | undefined;
  return (message) => {
    if (message === lastMessage) return lastKey;
    lastKey = keyOf(message);
    lastMessage = message;
    return lastKey;
  };
}

/** Copies fields of the data by name; a missing field adds nothing. Copies cached data, which is frozen, only once. */
export function applyByNames(names: EnrichConfig['apply']): (data: LookupData) => EnrichmentData {
  const readers = Object.entries(names).map(([name, field]) => ({ name, parts: namesOf(field) }));
  const ofCached = new WeakMap<LookupData, EnrichmentData>();
  const copied = (data: LookupData): EnrichmentData => {
    const added: Record<string, unknown> = {};
    for (const { name, parts } of readers) {
      const value = descend(data, parts);
      if (value !== undefined) setMember(added, name, value);
    }
    return added;
  };
  return (data) => {
    const known = ofCached.get(data);
    if (known !== undefined) return known;
    const added = copied(data);
    if (Object.isFrozen(data)) ofCached.set(data, Object.freeze(added));
    return added;
  };
}

function namesOf(field: string): readonly string[] {
  const names = fieldNames(field);
  if (typeof names === 'string') throw new Error(`"${field}" is not a field name: ${names}`);
  return names;
}

/**
 * Checks the result of a pipeline's key extractor: a string, a number or nothing.
 *
 * @throws PoisonError (`hook_failed`).
 */
export function keyResult(result: unknown): string | undefined {
  if (result === undefined || result === null || result === '') return undefined;
  const key = keyText(result);
  if (key !== undefined) return key;
  throw new PoisonError('hook_failed', `the keyExtractor must return a string, but returned a ${typeof result}`);
}

export interface LookupOptions {
  readonly fetcher: Fetcher;
  readonly keyOf: KeyOf;
  readonly apply: Applier;
  readonly withoutKey: EnrichConfig['withoutKey'];
  readonly withoutData: EnrichConfig['withoutData'];
  readonly retry: RetryPolicy;
  readonly onRetry: (error: Error) => void;
}

/**
 * Looks up a delivery's key, and emits the delivery with the data added. A message without key or data is handled as
 * configured. Errors with a RetryableError if the lookup finally fails.
 */
export function lookup(options: LookupOptions): OrderedEffect<Delivery> {
  const { fetcher, keyOf, apply, withoutKey, withoutData, retry, onRetry } = options;
  const withRetry = retryWithBackoff<LookupData | undefined>(retry, { onRetry });
  const trySync = (delivery: Delivery): Delivery | undefined => {
    const key = keyOf(delivery.message);
    const data = key === undefined ? undefined : fetcher.peek?.(key);
    if (data === undefined) return undefined;
    const added = addedBy(apply, data, delivery.message);
    return added === drop ? undefined : delivery.with(enriched(delivery.message, added));
  };
  const effect = (delivery: Delivery): Observable<Delivery> => {
    const key = keyOf(delivery.message);
    if (key === undefined) return otherwise(withoutKey, delivery, 'no_key', 'the message has no key');
    return defer(() => fetcher.fetch(key)).pipe(
      withRetry,
      concatMap((data) => {
        if (data === undefined) return otherwise(withoutData, delivery, 'no_data', `there is no data for "${key}"`);
        const added = addedBy(apply, data, delivery.message);
        if (added !== drop) return of(delivery.with(enriched(delivery.message, added)));
        delivery.drop();
        return EMPTY;
      }),
    );
  };
  return Object.assign(effect, { trySync });
}

function addedBy(apply: Applier, data: LookupData, message: Message): EnrichmentData | Drop {
  const added = callSync('applier', () => apply(data, message));
  return added === drop ? drop : plainObject('applier', added);
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
