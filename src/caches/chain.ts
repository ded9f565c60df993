import type { Firestore } from '@google-cloud/firestore';
import type { Redis } from 'ioredis';
import { EMPTY, of } from 'rxjs';
import type { Readiness } from '../core/readiness.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { LookupConfig } from './config.ts';
import type { Fetcher, LookupData, OnAnswer } from './fetcher.ts';
import { firestoreFetcher } from './firestore-fetcher.ts';
import { memoryCache } from './memory-cache.ts';
import { redisCache } from './redis-cache.ts';
import { selecting } from './select.ts';
import { singleFlight } from './single-flight.ts';

export interface ChainOptions {
  readonly config: LookupConfig;
  /** Present where the configuration has the layer. */
  readonly redis: Redis | undefined;
  readonly firestore: Firestore | undefined;
  /** Takes out of the data what is needed of it, if not all of it is: so that memory holds no more. */
  readonly select?: ((data: LookupData) => LookupData) | undefined;
  readonly onAnswer: OnAnswer;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
}

/** Behind the last cache there is nothing: what it does not hold has no data. */
const NOTHING: Fetcher = { fetch: () => of(undefined), invalidate: () => EMPTY, close: async () => {} };

/** Builds memory → Redis → Firestore, of the layers that are configured. Concurrent misses of a key make one fetch. */
export function lookupChain(options: ChainOptions): Fetcher {
  const { config, redis, firestore, select, onAnswer, telemetry, readiness } = options;
  const { missingTtlMs } = config;
  let chain = NOTHING;
  if (config.firestore !== undefined && firestore !== undefined) {
    chain = firestoreFetcher({
      client: firestore,
      collection: config.firestore.collection,
      timeoutMs: config.firestore.timeoutMs,
      onAnswer,
      onResult: (error) =>
        error === undefined
          ? readiness.set('firestore', 'ok')
          : readiness.set('firestore', 'failing', `lookups fail: ${error.message}`),
    });
  }
  if (config.redis !== undefined && redis !== undefined) {
    const { keyPrefix, ttlMs } = config.redis;
    chain = redisCache(chain, { client: redis, keyPrefix, ttlMs, missingTtlMs, onAnswer, telemetry, readiness });
  }
  if (select !== undefined) chain = selecting(chain, select);
  chain = singleFlight(chain);
  if (config.memory === undefined) return chain;
  return memoryCache(chain, { ...config.memory, missingTtlMs, onAnswer, telemetry });
}
