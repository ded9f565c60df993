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
  /** Set if the configuration has the layer. */
  readonly redis: RedisClient | undefined;
  readonly firestore: Firestore | undefined;
  /** Selects the needed part of the data, if not all of it is needed, so that memory holds no more. */
  readonly select?: ((data: LookupData) => LookupData) | undefined;
  /** Set if the pipeline has the hook. */
  readonly fetcher: FetcherHook | undefined;
  readonly onAnswer: OnAnswer;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
}

/** Redis in a configuration, and its role: a cache in front of another layer, or the last layer. */
export interface RedisLayer {
  readonly client: RedisClient;
  readonly isCache: boolean;
  readonly keyPrefix: string;
}

/** Returns the role of Redis in a chain; undefined without Redis. */
export function redisLayer({ config, redis, firestore, fetcher }: ChainOptions): RedisLayer | undefined {
  if (config.redis === undefined || redis === undefined) return undefined;
  return { client: redis, ...redisRole(config.redis, fetcher !== undefined || firestore !== undefined) };
}

/** Returns whether Redis is a cache, as it is in front of another layer, and what its keys begin with. */
export function redisRole(
  { keyPrefix }: NonNullable<LookupConfig['redis']>,
  isCache: boolean,
): Omit<RedisLayer, 'client'> {
  return { isCache, keyPrefix: keyPrefix ?? (isCache ? OWN_PREFIX : '') };
}

/**
 * Builds memory → Redis → Firestore from the configured layers; a hook replaces Firestore. The last layer provides the
 * data, the others cache it. Concurrent misses of a key share one fetch.
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

/** Builds the layer that provides the data. */
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

/** Selects the needed part of each key's data before a cache in front stores it. */
function selecting(next: Fetcher, select: (data: LookupData) => LookupData): Fetcher {
  return {
    fetch: (key) => next.fetch(key).pipe(map((data) => data && select(data))),
    invalidate: (key) => next.invalidate(key),
    close: () => next.close(),
  };
}

/** Shares one fetch of the next layer among concurrent fetches of a key. Freezes the shared data. */
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
      // Later fetches must not join one that started before.
      flights.delete(key);
      return next.invalidate(key);
    },
    close: () => next.close(),
  };
}
