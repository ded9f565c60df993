import * as v from 'valibot';
import { bytes, count, milliseconds, setting, text } from '../../config/schemas.ts';
import { retrySchema } from '../../operators/retry.ts';
import { PUBSUB_LIMITS } from './limits.ts';

/** Settings of a Pub/Sub source. */
export const pubsubSourceSchema = v.strictObject({
  subscriptionId: setting(text, 'Short name of the subscription to consume, in `google.projectId`.', {
    example: 'my-subscription',
  }),
  maxInFlight: setting(v.optional(count({ max: 1_000_000 }), 10_000), 'The most unsettled messages.'),
  maxInFlightBytes: setting(v.optional(bytes(), 256 * 1024 * 1024), 'The most unsettled bytes.'),
  streams: setting(
    v.optional(count({ max: 32 }), 1),
    'Number of StreamingPull calls. Pub/Sub delivers about 10 MB/s on each.',
  ),
  ackDeadlineMs: setting(
    v.optional(milliseconds({ min: 10_000, max: 600_000 }), 60_000),
    'Lease of one delivery. It is extended until `maxLeaseMs`.',
  ),
  keepaliveMs: setting(
    v.optional(milliseconds({ min: 1_000, max: 60_000 }), 30_000),
    'Time between two keepalives on a stream. A stream that does not answer one before the next is replaced.',
  ),
  maxLeaseMs: setting(
    v.optional(milliseconds({ min: 10_000 }), 3_600_000),
    'Time for which a lease is extended at most. Then the delivery expires, and Pub/Sub delivers the message ' +
      'again.',
  ),
});

export type PubSubSourceConfig = v.InferOutput<typeof pubsubSourceSchema>;

/** Settings of publishing to Pub/Sub. Each service configures its own topics. */
export const publishSchema = v.strictObject({
  maxMessages: setting(
    v.optional(count({ max: PUBSUB_LIMITS.messagesPerRequest }), 1_000),
    'A request is sent with this many messages. It has at most half of the credit.',
  ),
  maxBytes: setting(v.optional(bytes({ max: 9_500_000 }), 4_000_000), 'A request is sent with this many bytes.'),
  maxDelayMs: setting(
    v.optional(milliseconds({ max: 60_000 }), 10),
    'A request is sent when its first message is this old.',
  ),
  concurrency: setting(
    v.optional(count({ max: 1_000 }), 500),
    'The most concurrent requests. There are fewer while responses get slower.',
  ),
  timeoutMs: setting(
    v.optional(milliseconds({ min: 100 }), 30_000),
    'Time limit of one request. After it, the request counts as failed and is retried.',
  ),
  retry: v.optional(retrySchema, {}),
});

export type PublishConfig = v.InferOutput<typeof publishSchema>;
