import type { Bucket } from '@google-cloud/storage';
import { errorCode, FatalError } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { answerOf } from '../google/bounded-call.ts';
import { isDenied, warnOfSkippedCheck } from '../google/denied-check.ts';
import { asHttpStartError, PROVISION_HINT } from '../google/errors.ts';
import type { BucketConfig } from './config.ts';

const NOT_FOUND = 404;

interface EnsureBucketOptions {
  readonly telemetry: Telemetry;
  /** Creates the bucket unless it exists. Rejects with the client's own error. */
  readonly create: () => Promise<'created' | 'exists'>;
}

/**
 * Checks at start that the bucket exists. With `bucket.create`, creates a missing one. Logs a warning if this identity
 * may not read it: writing objects does not need that permission.
 *
 * @throws FatalError naming the setting, or RetryableError while Storage is unreachable.
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
      const wayOut = `create it, or set bucket.create to true; ${PROVISION_HINT}`;
      throw new FatalError(`bucket.name: ${config.name} does not exist; ${wayOut}`, { cause: thrown });
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

/** Creates the bucket. Returns false if it already existed, or may exist but cannot be read. */
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
