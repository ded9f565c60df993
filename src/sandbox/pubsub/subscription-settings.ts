import type { protos } from '@google-cloud/pubsub';
import { invalidArgument } from './rpc.ts';

export type SubscriptionSettings = protos.google.pubsub.v1.ISubscription;

const DAY = 24 * 60 * 60;

export const seconds = (duration: protos.google.protobuf.IDuration | null | undefined) =>
  Number(duration?.seconds ?? 0) + (duration?.nanos ?? 0) / 1e9;

/** Applies the defaults and bounds that google/pubsub/v1/pubsub.proto states. */
export function subscriptionSettings(asked: SubscriptionSettings): SubscriptionSettings {
  const { deadLetterPolicy, retryPolicy } = asked;
  const settings = {
    ...asked,
    ackDeadlineSeconds: asked.ackDeadlineSeconds || 10,
    messageRetentionDuration: asked.messageRetentionDuration ?? { seconds: 7 * DAY },
    expirationPolicy: asked.expirationPolicy ?? { ttl: { seconds: 31 * DAY } },
  };
  const maxDeliveryAttempts = deadLetterPolicy?.maxDeliveryAttempts || 5;
  if (deadLetterPolicy) settings.deadLetterPolicy = { ...deadLetterPolicy, maxDeliveryAttempts };
  const minimumBackoff = retryPolicy?.minimumBackoff ?? { seconds: 10 };
  const maximumBackoff = retryPolicy?.maximumBackoff ?? { seconds: 600 };
  if (retryPolicy) settings.retryPolicy = { minimumBackoff, maximumBackoff };
  for (const [field, value, minimum, maximum] of [
    ['ack_deadline_seconds', settings.ackDeadlineSeconds, 10, 600],
    ['message_retention_duration', seconds(settings.messageRetentionDuration), 600, 31 * DAY],
    ['expiration_policy.ttl', seconds(settings.expirationPolicy.ttl) || Infinity, DAY, Infinity],
    ['max_delivery_attempts', maxDeliveryAttempts, 5, 100],
    ['minimum_backoff', seconds(minimumBackoff), 0, 600],
    ['maximum_backoff', seconds(maximumBackoff), seconds(minimumBackoff), 600],
  ] as const)
    if (value < minimum || value > maximum)
      throw invalidArgument(`The value for ${field} is out of bounds: ${value} is not from ${minimum} to ${maximum}.`);
  return settings;
}
