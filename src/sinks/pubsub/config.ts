import * as v from 'valibot';
import { bytes, count, milliseconds } from '../../config/schemas.ts';
import { retrySchema } from '../../operators/retry-with-backoff.ts';
import { PUBSUB_LIMITS } from './limits.ts';

/** Settings of publishing to Pub/Sub; the topics stand where the service names them. */
export const publishSchema = v.strictObject({
  /** A request leaves with so many messages, so many bytes, or when its first message is so old. */
  maxMessages: v.optional(count({ max: PUBSUB_LIMITS.messagesPerRequest }), 1_000),
  maxBytes: v.optional(bytes({ max: 9_500_000 }), 4_000_000),
  maxDelayMs: v.optional(milliseconds({ max: 60_000 }), 10),
  /** The most requests in flight at one time; as many as Pub/Sub answers without getting slower. */
  concurrency: v.optional(count({ max: 1_000 }), 500),
  /** After this a request counts as failed and is tried again. */
  timeoutMs: v.optional(milliseconds({ min: 100 }), 30_000),
  retry: v.optional(retrySchema, {}),
});

export type PublishConfig = v.InferOutput<typeof publishSchema>;
