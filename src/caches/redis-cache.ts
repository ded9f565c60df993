import type { Redis } from 'ioredis';
import {
  catchError,
  concat,
  defer,
  EMPTY,
  from,
  ignoreElements,
  type Observable,
  of,
  type SchedulerLike,
  switchMap,
  tap,
} from 'rxjs';
import { toError } from '../core/errors.ts';
import { isJsonObject } from '../core/json-number.ts';
import { parseExact } from '../core/lossless-json.ts';
import { monotonicScheduler } from '../core/monotonic-scheduler.ts';
import type { Readiness } from '../core/readiness.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Fetcher, LookupData, OnAnswer } from './fetcher.ts';

export interface RedisCacheOptions {
  readonly client: Redis;
  readonly keyPrefix: string;
  readonly ttlMs: number;
  readonly missingTtlMs: number;
  readonly onAnswer: OnAnswer;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly scheduler?: SchedulerLike;
}

/** After a failure Redis is left alone for so long, so that not every lookup waits for its timeout. */
const COOL_DOWN_MS = 1_000;

/** What stands for "known to have no data". */
const MISSING = 'null';

/**
 * Keeps data in Redis as JSON. A layer that may be skipped: when Redis is down, slow, or holds what is no JSON, the
 * lookup goes on behind it, and the service is degraded, not red.
 */
export function redisCache(next: Fetcher, options: RedisCacheOptions): Fetcher {
  const { client, keyPrefix, ttlMs, missingTtlMs, onAnswer, telemetry, readiness } = options;
  const scheduler = options.scheduler ?? monotonicScheduler;
  let skippedUntil = 0;

  const skipped = (thrown: unknown): void => {
    const { message } = toError(thrown);
    skippedUntil = scheduler.now() + COOL_DOWN_MS;
    readiness.set('redis', 'degraded', `skipped: ${message}`);
    telemetry.event('cache.skipped', { layer: 'redis', error: message });
  };

  const store = (key: string, data: LookupData | undefined): void => {
    if (scheduler.now() < skippedUntil) return;
    const text = data === undefined ? MISSING : JSON.stringify(data);
    client.set(keyPrefix + key, text, 'PX', data === undefined ? missingTtlMs : ttlMs).catch(skipped);
  };

  const fetchBehind = (key: string): Observable<LookupData | undefined> =>
    next.fetch(key).pipe(tap((data) => store(key, data)));

  return {
    fetch: (key) =>
      defer(() => {
        if (scheduler.now() < skippedUntil) return next.fetch(key);
        return from(client.get(keyPrefix + key)).pipe(
          tap(() => readiness.set('redis', 'ok')),
          catchError((thrown: unknown) => {
            skipped(thrown);
            return of(null);
          }),
          switchMap((text) => {
            const known = text === null ? undefined : parsed(text);
            if (known === undefined) return fetchBehind(key);
            onAnswer({ layer: 'redis', key, found: known.data !== undefined });
            return of(known.data);
          }),
        );
      }),
    invalidate: (key) =>
      concat(
        defer(() => client.del(keyPrefix + key)).pipe(
          catchError((thrown: unknown) => {
            skipped(thrown);
            return EMPTY;
          }),
          ignoreElements(),
        ),
        next.invalidate(key),
      ),
    close: () => next.close(),
  };
}

/** What a stored text says; undefined if it is none of ours, and has to be fetched anew. */
function parsed(text: string): { data: LookupData | undefined } | undefined {
  if (text === MISSING) return { data: undefined };
  try {
    const value = parseExact(text);
    return isJsonObject(value) ? { data: value } : undefined;
  } catch {
    return undefined;
  }
}
