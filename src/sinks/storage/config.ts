import * as v from 'valibot';
import { bytes, count, flag, messagePath, milliseconds, text } from '../../config/schemas.ts';
import { retrySchema } from '../../operators/retry-with-backoff.ts';
import { MAX_KEY_BYTES } from './batch-key.ts';

const MAX_OBJECT_NAME_BYTES = 1024;
/** For the object's own name, behind prefix and batch key. */
const MAX_FILE_BYTES = 64;
/** What is left of an object's name for the prefix, beside the longest batch key, the name and two slashes. */
export const MAX_PREFIX_BYTES = MAX_OBJECT_NAME_BYTES - MAX_KEY_BYTES - MAX_FILE_BYTES - 2;

const prefix = v.pipe(
  v.string(),
  v.check(
    (text) => text.isWellFormed() && !/[\p{Cc}\p{Cf}]/u.test(text),
    'expected no control or format characters, and text that UTF-8 can write',
  ),
  v.check(
    (text) => Buffer.byteLength(text) <= MAX_PREFIX_BYTES,
    ({ input }) =>
      `expected at most ${MAX_PREFIX_BYTES} bytes, got ${Buffer.byteLength(input)}: with batch key and name an object's name has at most ${MAX_OBJECT_NAME_BYTES}`,
  ),
);

/** Where objects go. */
export const bucketSchema = v.strictObject({
  name: text,
  /** Put before every object's name, for example `raw/v1`. */
  prefix: v.optional(prefix, ''),
  /** Create the bucket if it is missing. */
  create: v.optional(flag, false),
  /** Location and storage class of a created bucket. */
  location: v.optional(text),
  storageClass: v.optional(text),
});

export type BucketConfig = v.InferOutput<typeof bucketSchema>;

/** Settings of grouping messages into objects, and of writing them. */
export const archiveSchema = v.strictObject({
  /** Path to the time that a message is filed under. */
  time: v.optional(messagePath, 'metadata.publishTime'),
  /**
   * For tests: the attribute `test_publish_time` (RFC 3339) goes before `time`. Whoever publishes then chooses the day, also
   * a device, by a user property of MQTT 5.
   */
  acceptTestTime: v.optional(flag, false),
  /** Paths to the location that a message is filed under; the first that leads to a text is taken. */
  location: v.optional(v.array(messagePath), ['enrichmentData.location', 'attributes.location']),
  /** An object is written with so many lines, so many bytes before compression, or when its first line is so old. */
  maxLines: v.optional(count({ max: 1_000_000 }), 1_000),
  maxBytes: v.optional(bytes({ max: 512 * 1024 * 1024 }), 8 * 1024 * 1024),
  maxAgeMs: v.optional(milliseconds({ max: 86_400_000 }), 60_000),
  /** Groups that are filled at one time. */
  maxOpenGroups: v.optional(count({ max: 100_000 }), 1_000),
  /** The most uploads in flight at one time; as many as Cloud Storage answers without getting slower. */
  concurrency: v.optional(count({ max: 1_000 }), 64),
  timeoutMs: v.optional(milliseconds({ min: 100 }), 60_000),
  retry: v.optional(retrySchema, {}),
  /** How long an outage is waited out before the messages go back to Pub/Sub. */
  giveUpAfterMs: v.optional(milliseconds({ min: 1 }), 300_000),
});

export type ArchiveConfig = v.InferOutput<typeof archiveSchema>;
