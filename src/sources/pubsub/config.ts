import * as v from 'valibot';
import { bytes, count, milliseconds, text } from '../../config/schemas.ts';

/** Settings of a Pub/Sub source. */
export const pubsubSourceSchema = v.strictObject({
  /** Short name of the subscription, in `google.projectId`. */
  subscriptionId: text,
  /** Messages that may be unsettled at one time. */
  maxInFlight: v.optional(count({ max: 1_000_000 }), 10_000),
  /** Bytes that may be unsettled at one time. */
  maxInFlightBytes: v.optional(bytes(), 256 * 1024 * 1024),
  /** StreamingPull calls in parallel; Pub/Sub gives one about 10 MB/s. */
  streams: v.optional(count({ max: 32 }), 1),
  /** Lease of one delivery; it is extended in time until `maxLeaseMs`. Pub/Sub takes 10 s to 600 s. */
  ackDeadlineMs: v.optional(milliseconds({ min: 10_000, max: 600_000 }), 60_000),
  /**
   * Between two keepalives on a stream. Pub/Sub answers each; a stream that has not by the next one is built anew, so
   * that one that fell silent does not stay so.
   */
  keepaliveMs: v.optional(milliseconds({ min: 1_000, max: 60_000 }), 30_000),
  /** How long a lease is extended at most; then the delivery lapses, and Pub/Sub delivers it again. */
  maxLeaseMs: v.optional(milliseconds({ min: 10_000 }), 3_600_000),
});

export type PubSubSourceConfig = v.InferOutput<typeof pubsubSourceSchema>;
