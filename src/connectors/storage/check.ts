import type { Bucket, Storage } from '@google-cloud/storage';
import { errorCode, FatalError } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { answerOf } from '../google/bounded-call.ts';
import { isDenied, warnOfSkippedCheck } from '../google/denied-check.ts';
import { asHttpStartError } from '../google/http-errors.ts';
import type { BucketConfig } from './config.ts';

const NOT_FOUND = 404;
const EXISTS_ALREADY = 409;

/**
 * Checks at start that the bucket exists; with `create`, makes it where it is missing. Warns where the bucket may not be
 * read: writing objects needs no such right.
 *
 * @throws FatalError naming the setting, or RetryableError while Storage cannot be reached.
 */
export async function ensureBucket(storage: Storage, config: BucketConfig, telemetry: Telemetry): Promise<Bucket> {
  const bucket = storage.bucket(config.name);
  let mayRead = true;
  try {
    await answerOf('buckets.get', () => bucket.getMetadata());
    return bucket;
  } catch (thrown) {
    mayRead = !isDenied(thrown);
    if (mayRead && errorCode(thrown) !== NOT_FOUND) throw asHttpStartError('bucket.name', config.name, thrown);
    if (mayRead && !config.create) {
      throw new FatalError(`bucket.name: ${config.name} does not exist; create it, or set bucket.create to true`, {
        cause: thrown,
      });
    }
  }
  if (config.create && (await create(storage, config, mayRead, telemetry))) return bucket;
  if (mayRead) return bucket;
  warnOfSkippedCheck(telemetry, {
    setting: 'bucket.name',
    resource: config.name,
    permission: 'storage.buckets.get',
    unchecked: 'that the bucket exists',
  });
  return bucket;
}

/** Makes the bucket; returns false if it was there, or perhaps is and may not be looked up. */
async function create(
  storage: Storage,
  config: BucketConfig,
  mayRead: boolean,
  telemetry: Telemetry,
): Promise<boolean> {
  try {
    await answerOf('buckets.insert', () =>
      storage.createBucket(config.name, {
        ...(config.location === undefined ? {} : { location: config.location }),
        ...(config.storageClass === undefined ? {} : { storageClass: config.storageClass }),
      }),
    );
  } catch (thrown) {
    if (errorCode(thrown) === EXISTS_ALREADY || (!mayRead && isDenied(thrown))) return false;
    throw asHttpStartError('bucket.name', config.name, thrown);
  }
  telemetry.event('resource.created', { bucket: config.name });
  return true;
}
