import { firstValueFrom } from 'rxjs';
import { toError } from '../core/errors.ts';
import { type ChainOptions, lastLayer, type RedisLayer, redisLayer, redisRole } from './chain.ts';
import type { Layer, LookupData } from './fetcher.ts';
import { NO_DATA, noDataKey, recordIn, recordKey } from './redis/redis-records.ts';

/** The answer of one layer for a key. */
export interface LayerAnswer {
  readonly layer: Layer;
  /** The place of the lookup: a key of Redis, a document, the hook. */
  readonly place: string;
  /** A description: `data`, `no data`, `nothing` … */
  readonly answer: string;
  readonly data?: LookupData;
  readonly expiresInMs?: number;
  /** The error, if the layer could not answer. */
  readonly error?: string;
}

/**
 * Queries each layer except memory for a key: the cache, and the layer that provides the data, whatever the cache has.
 */
export async function askLayers(options: ChainOptions, key: string): Promise<LayerAnswer[]> {
  const redis = redisLayer(options);
  const answers: LayerAnswer[] = [];
  if (redis?.isCache === true) {
    const place = recordKey(redis.keyPrefix, key);
    answers.push({ layer: 'redis', place, ...(await said(() => askCache(redis, key))) });
  }
  const last = lastLayer(options, redis);
  const asked = await said(async () => {
    const data = await firstValueFrom(last.fetch(key));
    return data === undefined ? { answer: 'no data' } : { answer: 'data', data };
  });
  await last.close();
  answers.push({ ...lastPlace(options, redis, key), ...asked });
  return answers;
}

/** Removes a key from each layer except memory, and returns the results. */
export async function forgetInLayers(options: ChainOptions, key: string): Promise<LayerAnswer[]> {
  const redis = redisLayer(options);
  const answers: LayerAnswer[] = [];
  if (redis?.isCache === true) {
    const { client, keyPrefix } = redis;
    const keys = [recordKey(keyPrefix, key), noDataKey(keyPrefix, key)];
    const deleted = async () => ({ answer: (await client.delete(keys)) > 0 ? 'forgotten' : 'held nothing' });
    answers.push({ layer: 'redis', place: recordKey(keyPrefix, key), ...(await said(deleted)) });
  }
  answers.push({ ...lastPlace(options, redis, key), answer: 'nothing to invalidate: this layer provides the data' });
  return answers;
}

async function askCache({ client, keyPrefix }: RedisLayer, key: string) {
  const record = recordKey(keyPrefix, key);
  const text = await client.get(record);
  if (text !== null) {
    const data = recordIn(text);
    const expiresInMs = await client.expiresInMs(record);
    const expiry = expiresInMs === undefined ? {} : { expiresInMs };
    return data === undefined
      ? { answer: 'not a record of this cache', ...expiry }
      : { answer: 'data', data, ...expiry };
  }
  const mark = noDataKey(keyPrefix, key);
  if ((await client.get(mark)) !== NO_DATA) return { answer: 'nothing' };
  const expiresInMs = await client.expiresInMs(mark);
  return { answer: 'known to have no data', ...(expiresInMs === undefined ? {} : { expiresInMs }) };
}

async function said<T extends object>(ask: () => Promise<T>): Promise<T | { answer: string; error: string }> {
  try {
    return await ask();
  } catch (thrown) {
    return { answer: 'failed', error: toError(thrown).message };
  }
}

/** The places that a key is looked up in, in order: memory of the process, the cache, and where the data comes from. */
export function lookupPlaces(
  { config, fetcher }: Pick<ChainOptions, 'config' | 'fetcher'>,
  key: string,
): Pick<LayerAnswer, 'layer' | 'place'>[] {
  const role = config.redis && redisRole(config.redis, fetcher !== undefined || config.firestore !== undefined);
  return [
    ...(config.memory === undefined ? [] : [{ layer: 'memory' as const, place: 'of the process' }]),
    ...(role?.isCache === true ? [{ layer: 'redis' as const, place: recordKey(role.keyPrefix, key) }] : []),
    lastPlace({ config, fetcher }, role, key),
  ];
}

function lastPlace(
  { config, fetcher }: Pick<ChainOptions, 'config' | 'fetcher'>,
  redis: Pick<RedisLayer, 'keyPrefix'> | undefined,
  key: string,
) {
  if (fetcher !== undefined) return { layer: 'fetcher', place: 'hooks.ts' } as const;
  if (config.firestore !== undefined) {
    return { layer: 'firestore', place: `${config.firestore.collection}/${key}` } as const;
  }
  return { layer: 'redis', place: recordKey(redis?.keyPrefix ?? '', key) } as const;
}
