import * as v from 'valibot';
import { bytes, count, flag, messagePath, milliseconds, setting, text } from '../../config/schemas.ts';
import { retrySchema } from '../../operators/retry.ts';
import { MAX_KEY_BYTES } from './batch-key.ts';

const MAX_OBJECT_NAME_BYTES = 1024;
/** Room for the object's own name after prefix and batch key. */
const MAX_FILE_BYTES = 64;
/** Bytes left for the prefix, besides the longest batch key, the name and two slashes. */
export const MAX_PREFIX_BYTES = MAX_OBJECT_NAME_BYTES - MAX_KEY_BYTES - MAX_FILE_BYTES - 2;

const prefix = v.pipe(
  v.string(),
  v.check(
    (text) => text.isWellFormed() && !/[\p{Cc}\p{Cf}]/u.test(text),
    'expected text that UTF-8 can encode, without control or format characters',
  ),
  v.check(
    (text) => Buffer.byteLength(text) <= MAX_PREFIX_BYTES,
    ({ input }) =>
      `expected at most ${MAX_PREFIX_BYTES} bytes, got ${Buffer.byteLength(input)}: with batch key and name an object's name has at most ${MAX_OBJECT_NAME_BYTES}`,
  ),
);

/** Settings of the bucket. */
export const bucketSchema = v.strictObject({
  name: setting(text, 'Name of the bucket.', { example: 'my-archive' }),
  prefix: setting(v.optional(prefix, ''), `Text before the name of every object. At most ${MAX_PREFIX_BYTES} bytes.`, {
    example: 'raw/v1',
  }),
  create: setting(v.optional(flag, false), 'Creates the bucket if it is missing.'),
  location: setting(v.optional(text), 'Location of a created bucket.', {
    example: 'EU',
    unset: 'the default of Cloud Storage',
  }),
  storageClass: setting(v.optional(text), 'Storage class of a created bucket.', {
    example: 'NEARLINE',
    unset: 'the default of Cloud Storage',
  }),
});

export type BucketConfig = v.InferOutput<typeof bucketSchema>;

/** Settings of grouping messages into objects, and of writing them. */
export const archiveSchema = v.strictObject({
  time: setting(
    v.optional(messagePath, 'metadata.publishTime'),
    'Path to the time that a message is filed under: `YYYY/MM/DD[/<location>]`.',
  ),
  acceptTestTime: setting(
    v.optional(flag, false),
    'Uses the attribute `test_publish_time` (RFC 3339) instead of `time`. For tests only: any publisher can ' +
      'then choose the day, and so can a device with an MQTT 5 user property.',
  ),
  location: setting(
    v.optional(v.array(messagePath), ['enrichmentData.location', 'attributes.location']),
    'Paths to the location that a message is filed under. The first that has a text is used.',
  ),
  maxLines: setting(v.optional(count({ max: 1_000_000 }), 1_000), 'An object is written with this many lines.'),
  maxBytes: setting(
    v.optional(bytes({ max: 512 * 1024 * 1024 }), 8 * 1024 * 1024),
    'An object is written with this many bytes before compression.',
  ),
  maxAgeMs: setting(
    v.optional(milliseconds({ max: 86_400_000 }), 60_000),
    'An object is written when its first line is this old.',
  ),
  maxOpenGroups: setting(
    v.optional(count({ max: 100_000 }), 10_000),
    'The most groups being filled. One more writes the fullest.',
  ),
  concurrency: setting(
    v.optional(count({ max: 1_000 }), 64),
    'The most concurrent uploads. There are fewer while Cloud Storage slows down or refuses.',
  ),
  timeoutMs: setting(v.optional(milliseconds({ min: 100 }), 60_000), 'Time limit of one call.'),
  retry: v.optional(retrySchema, {}),
  giveUpAfterMs: setting(
    v.optional(milliseconds({ min: 1 }), 300_000),
    'Time for which uploads are retried during an outage before messages go back to Pub/Sub.',
  ),
});

export type ArchiveConfig = v.InferOutput<typeof archiveSchema>;
