import * as v from 'valibot';
import { count, messagePath, setting } from '../../config/schemas.ts';
import { type KeyPath, keyPath } from '../../core/message-path.ts';

/**
 * Selects the value that Pub/Sub keeps order by: a path, or a path and a number of buckets. With buckets, the ordering
 * key is the bucket of the value, `0` to `buckets − 1`. Messages with the same value keep their order, and one publish
 * request, which holds a single ordering key, carries messages of many values.
 */
export const orderingKeySchema = v.union(
  [
    messagePath,
    v.strictObject({
      path: setting(messagePath, 'Path to the value whose messages keep their order.', {
        example: 'enrichmentData.DeviceID',
      }),
      buckets: setting(
        count({ max: 10_000 }),
        'Number of ordering keys for all values, so that one request contains messages of many values.',
        { example: 32 },
      ),
    }),
  ],
  'expected a path such as enrichmentData.DeviceID, or { path: enrichmentData.DeviceID, buckets: 32 }',
);

export type OrderingKeyConfig = v.InferOutput<typeof orderingKeySchema>;

export interface OrderingKey {
  /** Returns the ordering key of a message. */
  readonly keyOf: KeyPath;
  /** Returns the value that order is kept by. Messages with different values may be reordered. */
  readonly orderOf: KeyPath;
}

export function orderingKeyBy(config: OrderingKeyConfig): OrderingKey {
  if (typeof config === 'string') {
    const read = keyPath(config);
    return { keyOf: read, orderOf: read };
  }
  const { path, buckets } = config;
  const orderOf = keyPath(path);
  return {
    orderOf,
    keyOf: (view) => {
      const value = orderOf(view);
      return value === undefined ? undefined : String(bucketOf(value, buckets));
    },
  };
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * FNV-1a over the UTF-8 bytes, 32 bits, modulo the number of buckets. Stable across processes and easy to reimplement.
 */
export function bucketOf(value: string, buckets: number): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if (code > 0x7f) return bucketOfBytes(Buffer.from(value), buckets);
    hash = Math.imul(hash ^ code, FNV_PRIME);
  }
  return (hash >>> 0) % buckets;
}

function bucketOfBytes(bytes: Buffer, buckets: number): number {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return (hash >>> 0) % buckets;
}
