import * as v from 'valibot';
import { bytes, count, flag, messagePath, milliseconds, text } from '../../config/schemas.ts';
import { retrySchema } from '../../operators/retry-with-backoff.ts';

/** Where objects go. */
export const bucketSchema = v.strictObject({
  name: text,
  /** Put before every object's name, for example `raw/v1`. */
  prefix: v.optional(v.string(), ''),
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
  /** Paths to the location that a message is filed under; the first that leads to a text is taken. */
  location: v.optional(v.array(messagePath), ['enrichmentData.location', 'attributes.location']),
  /** An object is written with so many lines, so many bytes before compression, or when its first line is so old. */
  maxLines: v.optional(count({ max: 1_000_000 }), 1_000),
  maxBytes: v.optional(bytes({ max: 512 * 1024 * 1024 }), 8 * 1024 * 1024),
  maxAgeMs: v.optional(milliseconds({ max: 86_400_000 }), 60_000),
  /** Groups that are filled at one time. */
  maxOpenGroups: v.optional(count({ max: 100_000 }), 1_000),
  /** Uploads in flight at one time. */
  concurrency: v.optional(count({ max: 1_000 }), 4),
  timeoutMs: v.optional(milliseconds({ min: 100 }), 60_000),
  retry: v.optional(retrySchema, {}),
  /** How long an outage is waited out before the messages go back to Pub/Sub. */
  giveUpAfterMs: v.optional(milliseconds({ min: 1 }), 300_000),
});

export type ArchiveConfig = v.InferOutput<typeof archiveSchema>;
