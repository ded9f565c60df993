import * as v from 'valibot';
import { bytes, count, milliseconds, setting, text } from '../../config/schemas.ts';
import { retrySchema } from '../../operators/retry.ts';
import { PUBSUB_LIMITS } from './limits.ts';

/** Settings of a Pub/Sub source. */
export const pubsubSourceSchema = v.strictObject({
  subscriptionId: setting(text, 'Short name of the subscription to consume, in `google.projectId`.', {
    example: 'my-subscription',
  }),
  maxInFlight: setting(v.optional(count({ max: 1_000_000 }), 10_000), 'Messages that may be unsettled at one time.'),
  maxInFlightBytes: setting(v.optional(bytes(), 256 * 1024 * 1024), 'Bytes that may be unsettled at one time.'),
  streams: setting(
    v.optional(count({ max: 32 }), 1),
    'StreamingPull calls in parallel. Pub/Sub gives one about 10 MB/s.',
  ),
  ackDeadlineMs: setting(
    v.optional(milliseconds({ min: 10_000, max: 600_000 }), 60_000),
    'Lease of one delivery. It is extended until `maxLeaseMs`.',
  ),
  keepaliveMs: setting(
    v.optional(milliseconds({ min: 1_000, max: 60_000 }), 30_000),
    'Time between two keepalives on a stream. A stream that has not answered one by the next is replaced.',
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
    'A request leaves with this many messages. It holds at most half of the credit.',
  ),
  maxBytes: setting(v.optional(bytes({ max: 9_500_000 }), 4_000_000), 'A request leaves with this many bytes.'),
  maxDelayMs: setting(
    v.optional(milliseconds({ max: 60_000 }), 10),
    'A request leaves when its first message is this old.',
  ),
  concurrency: setting(
    v.optional(count({ max: 1_000 }), 500),
    'Most requests in flight at one time. There are fewer while answers get slower.',
  ),
  timeoutMs: setting(
    v.optional(milliseconds({ min: 100 }), 30_000),
    'Time limit of one request. Then it counts as failed and is tried again.',
  ),
  retry: v.optional(retrySchema, {}),
});

export type PublishConfig = v.InferOutput<typeof publishSchema>;
