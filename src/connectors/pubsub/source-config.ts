import * as v from 'valibot';
import { bytes, count, milliseconds, setting, text } from '../../config/schemas.ts';

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
