import * as v from 'valibot';
import { bytes, count, milliseconds, setting } from '../../config/schemas.ts';
import { retrySchema } from '../../operators/retry-with-backoff.ts';
import { PUBSUB_LIMITS } from './limits.ts';

/** Settings of publishing to Pub/Sub; the topics stand where the service names them. */
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
