import type { Firestore } from '@google-cloud/firestore';
import { checkCredentials } from '../../connectors/google/credentials.ts';
import { RetryableError } from '../../core/errors.ts';
import { type ChainOptions, redisLayer } from '../../lookup/chain.ts';
import { checkFirestore } from '../../lookup/firestore/check.ts';
import { createFirestoreClient } from '../../lookup/firestore/client.ts';
import type { FetcherHook } from '../../lookup/hook-fetcher.ts';
import { checkRedis } from '../../lookup/redis/check.ts';
import { createRedisClient, type RedisClient } from '../../lookup/redis/client.ts';
import type { EnrichConfig } from './config.ts';

/** Injected clients that replace those the lookup would create. */
export interface LookupDependencies {
  readonly redis?: RedisClient;
  readonly firestore?: Firestore;
  /** Provides the data instead of Firestore. */
  readonly fetcher?: FetcherHook;
}

/** The layers of a lookup, with their clients. */
export interface OpenLookup {
  readonly layers: ChainOptions;
  /** Checks for credentials if Firestore was opened here. */
  checkCredentials(): Promise<void>;
  /** Checks at start that the layer that provides the data can be read. */
  check(): Promise<void>;
  /** Immediately closes a Redis connection opened here. */
  disconnect(): void;
  /** Closes all clients created here. */
  close(): Promise<void>;
}

/** Opens the clients of a configuration's lookup. */
export function openLookup(
  { google, lookup, hooks }: EnrichConfig,
  given: LookupDependencies,
  observers: Pick<ChainOptions, 'onAnswer' | 'telemetry' | 'readiness'>,
): OpenLookup {
  const redis = given.redis ?? (lookup.redis && createRedisClient(lookup.redis));
  const firestore = given.firestore ?? (lookup.firestore && createFirestoreClient(google, lookup.firestore));
  const layers = { config: lookup, hooks, redis, firestore, fetcher: given.fetcher, ...observers };
  let checking: Promise<void> = Promise.resolve();
  let isClosed = false;
  const disconnect = (): void => {
    if (given.redis === undefined) redis?.disconnect();
  };
  return {
    layers,
    checkCredentials: async () => {
      if (lookup.firestore !== undefined && given.firestore === undefined)
        await checkCredentials(google, ['firestore']);
    },
    check: async () => {
      const layer = redisLayer(layers);
      // A read on a terminated client ends the process: Firestore's client leaves its rejection unhandled.
      if (isClosed) throw new RetryableError('the lookup was closed during its check');
      if (firestore && lookup.firestore) {
        checking = checkFirestore(firestore, lookup.firestore.collection);
        await checking;
      }
      if (layer?.isCache === false) await checkRedis(layer);
    },
    disconnect,
    close: async () => {
      isClosed = true;
      disconnect();
      if (given.firestore !== undefined) return;
      await checking.catch(() => {});
      await firestore?.terminate();
    },
  };
}
