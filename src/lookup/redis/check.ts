import { RetryableError, toError } from '../../core/errors.ts';
import type { RedisLayer } from '../chain.ts';
import { RedisRefusal } from './redis-errors.ts';

/** A key that is read once at start; it need not exist. */
const CHECKED_KEY = 'dataflow-start-check';

/**
 * Checks at start that a registry can be read.
 *
 * @throws RetryableError while it cannot be read: secrets and permissions may be fixed while the service waits.
 */
export async function checkRedis({ client, keyPrefix }: RedisLayer): Promise<void> {
  try {
    await client.get(keyPrefix + CHECKED_KEY);
  } catch (thrown) {
    if (thrown instanceof RedisRefusal && thrown.code === 'WRONGTYPE') return;
    throw new RetryableError(`lookup.redis: ${toError(thrown).message}`, { cause: thrown });
  }
}
