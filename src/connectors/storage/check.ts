import type { Bucket } from '@google-cloud/storage';
import { errorCode, FatalError } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { answerOf } from '../google/bounded-call.ts';
import { isDenied, warnOfSkippedCheck } from '../google/denied-check.ts';
import { asHttpStartError } from '../google/http-errors.ts';
import type { BucketConfig } from './config.ts';

const NOT_FOUND = 404;

interface EnsureBucketOptions {
  readonly telemetry: Telemetry;
  /** Creates the bucket, if it is missing. Rejects with the client's own error. */
  readonly create: () => Promise<'created' | 'exists'>;
}

/**
 * Checks at start that the bucket exists; with `bucket.create`, creates it where it is missing. Warns where the bucket
 * may not be read: writing objects needs no such right.
 *
 * @throws FatalError naming the setting, or RetryableError while Storage cannot be reached.
 */
export async function ensureBucket(
  bucket: Bucket,
  config: BucketConfig,
  { telemetry, create }: EnsureBucketOptions,
): Promise<void> {
  let mayRead = true;
  try {
    await answerOf('buckets.get', () => bucket.getMetadata());
    return;
  } catch (thrown) {
    mayRead = !isDenied(thrown);
    if (mayRead && errorCode(thrown) !== NOT_FOUND) throw asHttpStartError('bucket.name', config.name, thrown);
    if (mayRead && !config.create) {
      throw new FatalError(`bucket.name: ${config.name} does not exist; create it, or set bucket.create to true`, {
        cause: thrown,
      });
    }
  }
  if (config.create && (await tryToCreate(config, mayRead, create))) {
    telemetry.event('resource.created', { bucket: config.name });
    return;
  }
  if (mayRead) return;
  warnOfSkippedCheck(telemetry, {
    setting: 'bucket.name',
    resource: config.name,
    permission: 'storage.buckets.get',
    unchecked: 'that the bucket exists',
  });
}

/** Creates the bucket; returns false if it was there, or perhaps is and may not be looked up. */
async function tryToCreate(
  { name }: BucketConfig,
  mayRead: boolean,
  create: EnsureBucketOptions['create'],
): Promise<boolean> {
  try {
    return (await create()) === 'created';
  } catch (thrown) {
    if (!mayRead && isDenied(thrown)) return false;
    throw asHttpStartError('bucket.name', name, thrown);
  }
}
