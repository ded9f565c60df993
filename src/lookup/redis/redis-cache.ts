import {
  defer,
  from,
  ignoreElements,
  lastValueFrom,
  type Observable,
  of,
  type SchedulerLike,
  switchMap,
  tap,
} from 'rxjs';
import { RetryableError, toError } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { monotonicScheduler } from '../../util/clock.ts';
import type { Fetcher, LookupData, OnAnswer } from '../fetcher.ts';
import type { RedisClient } from './client.ts';
import type { RedisCondition } from './redis-condition.ts';
import { RedisRefusal } from './redis-errors.ts';
import { isRedisKey, NO_DATA, noDataKey, recordIn, recordKey } from './redis-records.ts';

export interface RedisCacheOptions {
  readonly client: RedisClient;
  readonly keyPrefix: string;
  readonly ttlMs: number;
  readonly missingTtlMs: number;
  readonly onAnswer: OnAnswer;
  readonly telemetry: Telemetry;
  readonly condition: RedisCondition;
  readonly scheduler?: SchedulerLike;
}

/** Time for which Redis is skipped after a timeout or lost connection, so that not every lookup waits for it. */
const CLOSED_MS = 1_000;

/** The state of a key in Redis: an answer, nothing, or a value that the cache must not use or replace. */
type Held = { readonly data: LookupData | undefined } | 'nothing' | 'unusable';

/**
 * Caches data in Redis as JSON, and missing data under a separate key. Writes only keys that do not exist, so values
 * stored by others stay. The layer is optional: a timeout or lost connection skips it for a second; an error reply
 * affects only its key.
 */
export function redisCache(next: Fetcher, options: RedisCacheOptions): Fetcher {
  const { client, keyPrefix, ttlMs, missingTtlMs, onAnswer, telemetry, condition } = options;
  const scheduler = options.scheduler ?? monotonicScheduler;
  let closedUntil = Number.NEGATIVE_INFINITY;
  let invalidations = 0;
  /** Number of invalidations in progress, by key. */
  const invalidating = new Map<string, number>();
  /** Writes in progress, each bounded by the command timeout. */
  const writes = new Set<Promise<void>>();
  const following = condition.follow(client, () => {
    closedUntil = Number.NEGATIVE_INFINITY;
  });
  const isClosed = () => scheduler.now() < closedUntil;

  const skipped = (error: string): void => telemetry.event('cache.skipped', { layer: 'redis', error });

  /** Records a failed read or write. */
  const failed = (part: 'reads' | 'writes', key: string, thrown: unknown): void => {
    const { message } = toError(thrown);
    if (thrown instanceof RedisRefusal && thrown.code === 'WRONGTYPE') {
      skipped(`${JSON.stringify(recordKey(keyPrefix, key))}: ${message}`);
      return;
    }
    if (!(thrown instanceof RedisRefusal)) closedUntil = scheduler.now() + CLOSED_MS;
    condition.failed(part, thrown);
    skipped(message);
  };

  const read = async (key: string): Promise<Held> => {
    try {
      const text = await client.get(recordKey(keyPrefix, key));
      const held = text === null ? await client.get(noDataKey(keyPrefix, key)) : null;
      condition.succeeded('reads');
      if (text === null) return held === NO_DATA ? { data: undefined } : held === null ? 'nothing' : 'unusable';
      const data = recordIn(text);
      if (data !== undefined) return { data };
      skipped(`${JSON.stringify(recordKey(keyPrefix, key))}: not a JSON object, so not a record of this cache`);
    } catch (thrown) {
      failed('reads', key, thrown);
    }
    return 'unusable';
  };

  const write = async (key: string, data: LookupData | undefined): Promise<void> => {
    try {
      if (data === undefined) await client.setNew(noDataKey(keyPrefix, key), NO_DATA, missingTtlMs);
      else await client.setNew(recordKey(keyPrefix, key), JSON.stringify(data), ttlMs);
      condition.succeeded('writes');
    } catch (thrown) {
      failed('writes', key, thrown);
    }
  };

  const fetchAndWrite = (key: string): Observable<LookupData | undefined> => {
    const before = invalidations;
    return next.fetch(key).pipe(
      tap((data) => {
        // Data fetched before an invalidation may be outdated.
        if (invalidations !== before || isClosed()) return;
        const writing = write(key, data).finally(() => writes.delete(writing));
        writes.add(writing);
      }),
    );
  };

  const forget = async (key: string): Promise<void> => {
    invalidations += 1;
    invalidating.set(key, (invalidating.get(key) ?? 0) + 1);
    try {
      await lastValueFrom(next.invalidate(key), { defaultValue: undefined });
      await Promise.allSettled(writes);
      await client.delete([recordKey(keyPrefix, key), noDataKey(keyPrefix, key)]);
    } catch (thrown) {
      throw new RetryableError(`redis: ${toError(thrown).message}`, { cause: thrown });
    } finally {
      const others = (invalidating.get(key) ?? 1) - 1;
      if (others > 0) invalidating.set(key, others);
      else invalidating.delete(key);
    }
  };

  return {
    fetch: (key) =>
      defer(() => {
        // Bypasses Redis while the key is being deleted.
        if (isClosed() || invalidating.has(key) || !isRedisKey(key)) return next.fetch(key);
        const before = invalidations;
        return from(read(key)).pipe(
          switchMap((held) => {
            if (held === 'nothing' && invalidations === before) return fetchAndWrite(key);
            if (held === 'nothing' || held === 'unusable') return next.fetch(key);
            onAnswer({ layer: 'redis', key, found: held.data !== undefined });
            return of(held.data);
          }),
        );
      }),
    invalidate: (key) => defer(() => forget(key)).pipe(ignoreElements()),
    close: async () => {
      following.unsubscribe();
      await next.close();
    },
  };
}
