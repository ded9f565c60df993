import type { protos } from '@google-cloud/pubsub';
import { checkName } from './resource-name.ts';
import { invalidArgument, unimplemented } from './rpc.ts';

export type SubscriptionSettings = protos.google.pubsub.v1.ISubscription;
type Duration = protos.google.protobuf.IDuration;

/** Defaults and bounds as google/pubsub/v1/pubsub.proto states them. */
const DEFAULT_ACK_DEADLINE_SECONDS = 10;
const DEFAULT_DELIVERY_ATTEMPTS = 5;
const DEFAULT_BACKOFF: { minimum: Duration; maximum: Duration } = {
  minimum: { seconds: 10 },
  maximum: { seconds: 600 },
};
const DAY_SECONDS = 24 * 60 * 60;

export const SUBSCRIPTION_FIELDS = {
  message: 'Subscription',
  mutable: [
    'ack_deadline_seconds',
    'dead_letter_policy',
    'enable_exactly_once_delivery',
    'expiration_policy',
    'labels',
    'message_retention_duration',
    'push_config',
    'retain_acked_messages',
    'retry_policy',
    'tags',
  ],
  immutable: ['name', 'topic', 'enable_message_ordering', 'filter', 'detached', 'state'],
} as const;

export function seconds(duration: Duration | null | undefined): number {
  return Number(duration?.seconds ?? 0) + (duration?.nanos ?? 0) / 1e9;
}

function checkBounds(field: string, value: number, minimum: number, maximum: number): void {
  if (value >= minimum && value <= maximum) return;
  throw invalidArgument(
    `The value for ${field} is out of bounds. You passed ${value} in the request, but the value must be between ${minimum} and ${maximum}.`,
  );
}

/** What was asked for with defaults filled in; throws for what is out of bounds or not implemented here. */
export function subscriptionSettings(asked: SubscriptionSettings): SubscriptionSettings {
  if (asked.filter) throw unimplemented('message filters (the field filter of a subscription)');
  if (asked.pushConfig?.pushEndpoint) throw unimplemented('push subscriptions');
  if (asked.bigqueryConfig || asked.cloudStorageConfig || asked.bigtableConfig)
    throw unimplemented('subscriptions that export to BigQuery, Cloud Storage or Bigtable');
  if (asked.messageTransforms?.length) throw unimplemented('message transforms');
  const ackDeadlineSeconds = asked.ackDeadlineSeconds || DEFAULT_ACK_DEADLINE_SECONDS;
  checkBounds('ack_deadline_seconds', ackDeadlineSeconds, 10, 600);
  const messageRetentionDuration = asked.messageRetentionDuration ?? { seconds: 7 * DAY_SECONDS };
  checkBounds('message_retention_duration', seconds(messageRetentionDuration), 600, 31 * DAY_SECONDS);
  const expirationPolicy = asked.expirationPolicy ?? { ttl: { seconds: 31 * DAY_SECONDS } };
  if (expirationPolicy.ttl)
    checkBounds('expiration_policy.ttl', seconds(expirationPolicy.ttl), DAY_SECONDS, 365 * DAY_SECONDS);
  const settings: SubscriptionSettings = {
    ...asked,
    ackDeadlineSeconds,
    messageRetentionDuration,
    expirationPolicy,
    state: 'ACTIVE',
  };
  if (asked.deadLetterPolicy) {
    const { deadLetterTopic, maxDeliveryAttempts } = asked.deadLetterPolicy;
    checkName('topics', deadLetterTopic ?? '');
    const attempts = maxDeliveryAttempts || DEFAULT_DELIVERY_ATTEMPTS;
    checkBounds('max_delivery_attempts', attempts, 5, 100);
    settings.deadLetterPolicy = { ...asked.deadLetterPolicy, maxDeliveryAttempts: attempts };
  }
  if (asked.retryPolicy) {
    const minimumBackoff = asked.retryPolicy.minimumBackoff ?? DEFAULT_BACKOFF.minimum;
    const maximumBackoff = asked.retryPolicy.maximumBackoff ?? DEFAULT_BACKOFF.maximum;
    checkBounds('minimum_backoff', seconds(minimumBackoff), 0, 600);
    checkBounds('maximum_backoff', seconds(maximumBackoff), seconds(minimumBackoff), 600);
    settings.retryPolicy = { minimumBackoff, maximumBackoff };
  }
  return settings;
}
