import { defer, EMPTY, from, of } from 'rxjs';
import { RetryableError, toError } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Fetcher, LookupData, OnAnswer } from '../fetcher.ts';
import type { RedisClient } from './client.ts';
import type { RedisCondition } from './redis-condition.ts';
import { RedisRefusal } from './redis-errors.ts';
import { isRedisKey, recordIn, recordKey } from './redis-records.ts';

export interface RedisRegistryOptions {
  readonly client: RedisClient;
  readonly keyPrefix: string;
  readonly onAnswer: OnAnswer;
  readonly telemetry: Telemetry;
  readonly condition: RedisCondition;
}

/**
 * The last layer: JSON objects that others maintain in Redis. Only reads. A key that is missing or holds anything else
 * has no data; any failure of Redis is an outage.
 */
export function redisRegistry(options: RedisRegistryOptions): Fetcher {
  const { client, keyPrefix, onAnswer, telemetry, condition } = options;
  const following = condition.follow(client);

  const read = async (key: string): Promise<LookupData | undefined> => {
    const name = recordKey(keyPrefix, key);
    const unusable = (problem: string): undefined => {
      telemetry.event('cache.skipped', { layer: 'redis', error: `${JSON.stringify(name)} has no data: ${problem}` });
    };
    try {
      const text = await client.get(name);
      condition.succeeded('reads');
      if (text === null) return undefined;
      return recordIn(text) ?? unusable('not a JSON object');
    } catch (thrown) {
      const { message } = toError(thrown);
      if (thrown instanceof RedisRefusal && thrown.code === 'WRONGTYPE') return unusable(message);
      condition.failed('reads', thrown);
      throw new RetryableError(`redis: ${message}`, { cause: thrown });
    }
  };

  return {
    fetch: (key) => {
      if (!isRedisKey(key)) return of(undefined);
      return defer(() => from(answered(key)));
    },
    invalidate: () => EMPTY,
    close: async () => following.unsubscribe(),
  };

  async function answered(key: string): Promise<LookupData | undefined> {
    const data = await read(key);
    onAnswer({ layer: 'redis', key, found: data !== undefined });
    return data;
  }
}
