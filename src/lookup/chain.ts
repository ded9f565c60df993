import type { Firestore } from '@google-cloud/firestore';
import { finalize, map, type Observable, share } from 'rxjs';
import { FatalError } from '../core/errors.ts';
import type { Readiness } from '../core/readiness.ts';
import type { HooksConfig } from '../operators/apply-hook.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { deepFreeze } from '../util/values.ts';
import { type LookupConfig, NO_LAST_LAYER } from './config.ts';
import type { Fetcher, LookupData, OnAnswer } from './fetcher.ts';
import { firestoreFetcher } from './firestore/firestore-fetcher.ts';
import { type FetcherHook, hookFetcher } from './hook-fetcher.ts';
import { memoryCache } from './memory-cache.ts';
import type { RedisClient } from './redis/client.ts';
import { redisCache } from './redis/redis-cache.ts';
import { RedisCondition } from './redis/redis-condition.ts';
import { OWN_PREFIX } from './redis/redis-records.ts';
import { redisRegistry } from './redis/redis-registry.ts';

export interface ChainOptions {
  readonly config: LookupConfig;
  readonly hooks: HooksConfig;
  /** Present where the configuration has the layer. */
  readonly redis: RedisClient | undefined;
  readonly firestore: Firestore | undefined;
  /** Takes out of the data what is needed of it, if not all of it is: so that memory holds no more. */
  readonly select?: ((data: LookupData) => LookupData) | undefined;
  /** Present where the pipeline has the hook. */
  readonly fetcher: FetcherHook | undefined;
  readonly onAnswer: OnAnswer;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
}

/** Redis of a configuration, and what it is there for: a cache in front of another layer, or the last one itself. */
export interface RedisLayer {
  readonly client: RedisClient;
  readonly isCache: boolean;
  readonly keyPrefix: string;
}

/** Returns what Redis is in a chain; undefined without it. */
export function redisLayer({ config, redis, firestore, fetcher }: ChainOptions): RedisLayer | undefined {
  if (config.redis === undefined || redis === undefined) return undefined;
  const isCache = fetcher !== undefined || firestore !== undefined;
  return { client: redis, isCache, keyPrefix: config.redis.keyPrefix ?? (isCache ? OWN_PREFIX : '') };
}

/**
 * Builds memory → Redis → Firestore, of the layers that are configured; a hook stands in the place of Firestore. The last
 * layer is where the data comes from, the others are caches. Concurrent misses of a key make one fetch.
 *
 * @throws FatalError without a last layer.
 */
export function lookupChain(options: ChainOptions): Fetcher {
  const { config, select, onAnswer, telemetry, readiness } = options;
  const { missingTtlMs } = config;
  const redis = redisLayer(options);
  let chain = lastLayer(options, redis);
  if (redis?.isCache === true && config.redis !== undefined) {
    const { client, keyPrefix } = redis;
    const { ttlMs } = config.redis;
    const condition = new RedisCondition(readiness, 'degraded');
    chain = redisCache(chain, { client, keyPrefix, ttlMs, missingTtlMs, onAnswer, telemetry, condition });
  }
  if (select !== undefined) chain = selecting(chain, select);
  chain = singleFlight(chain);
  if (config.memory === undefined) return chain;
  return memoryCache(chain, { ...config.memory, missingTtlMs, onAnswer, telemetry });
}

/** Builds the layer that the data comes from. */
export function lastLayer(options: ChainOptions, redis: RedisLayer | undefined): Fetcher {
  const { config, hooks, firestore, fetcher, onAnswer, telemetry, readiness } = options;
  const onResult = (part: string) => (error: Error | undefined) => {
    if (error === undefined) readiness.set(part, 'ok');
    else readiness.set(part, 'failing', `lookups fail: ${error.message}`);
  };
  if (fetcher !== undefined) {
    return hookFetcher({ call: fetcher, config: hooks, onAnswer, onResult: onResult('hooks.fetcher') });
  }
  if (config.firestore !== undefined && firestore !== undefined) {
    const { collection, timeoutMs } = config.firestore;
    return firestoreFetcher({ client: firestore, collection, timeoutMs, onAnswer, onResult: onResult('firestore') });
  }
  if (redis === undefined) throw new FatalError(`lookup: ${NO_LAST_LAYER}`);
  const { client, keyPrefix } = redis;
  return redisRegistry({ client, keyPrefix, onAnswer, telemetry, condition: new RedisCondition(readiness, 'failing') });
}

/** Takes what is needed out of the data of every key, before a cache in front of it keeps the data. */
function selecting(next: Fetcher, select: (data: LookupData) => LookupData): Fetcher {
  return {
    fetch: (key) => next.fetch(key).pipe(map((data) => data && select(data))),
    invalidate: (key) => next.invalidate(key),
    close: () => next.close(),
  };
}

/** Lets concurrent fetches of one key share one fetch of the layer behind it. What they share is frozen. */
export function singleFlight(next: Fetcher): Fetcher {
  const flights = new Map<string, Observable<LookupData | undefined>>();
  return {
    fetch: (key) => {
      const known = flights.get(key);
      if (known !== undefined) return known;
      const flight: Observable<LookupData | undefined> = next.fetch(key).pipe(
        map(deepFreeze),
        finalize(() => {
          if (flights.get(key) === flight) flights.delete(key);
        }),
        share(),
      );
      flights.set(key, flight);
      return flight;
    },
    invalidate: (key) => {
      // Whoever asks from now on must not get what was asked for before.
      flights.delete(key);
      return next.invalidate(key);
    },
    close: () => next.close(),
  };
}
