import type { Bucket, Storage } from '@google-cloud/storage';
import { asHttpStartError } from '../../clients/http-errors.ts';
import { errorCode, FatalError } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { BucketConfig } from './config.ts';

const NOT_FOUND = 404;
const EXISTS_ALREADY = 409;

/**
 * Checks at start that the bucket exists; with `create`, makes it where it is missing.
 *
 * @throws FatalError naming the setting, or RetryableError while Storage cannot be reached.
 */
export async function ensureBucket(storage: Storage, config: BucketConfig, telemetry: Telemetry): Promise<Bucket> {
  const bucket = storage.bucket(config.name);
  try {
    await bucket.getMetadata();
    return bucket;
  } catch (thrown) {
    if (errorCode(thrown) !== NOT_FOUND) throw asHttpStartError('bucket.name', config.name, thrown);
    if (!config.create) {
      throw new FatalError(`bucket.name: ${config.name} does not exist; create it, or set bucket.create to true`, {
        cause: thrown,
      });
    }
  }
  try {
    await storage.createBucket(config.name, {
      ...(config.location === undefined ? {} : { location: config.location }),
      ...(config.storageClass === undefined ? {} : { storageClass: config.storageClass }),
    });
    telemetry.event('resource.created', { bucket: config.name });
  } catch (thrown) {
    if (errorCode(thrown) !== EXISTS_ALREADY) throw asHttpStartError('bucket.name', config.name, thrown);
  }
  return bucket;
}
