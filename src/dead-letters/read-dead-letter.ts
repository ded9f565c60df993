import type { protos } from '@google-cloud/pubsub';
import { isReserved } from '../connectors/pubsub/limits.ts';
import type { Attributes, Original } from '../core/message.ts';
import { rfc3339 } from '../util/rfc3339.ts';
import { MARK_PREFIX } from './write-dead-letter.ts';

type PubSubMessage = protos.google.pubsub.v1.IPubsubMessage;

/** The reason of dead letters created by Pub/Sub itself, through a subscription's dead-letter policy. */
export const POLICY_REASON = 'max_delivery_attempts';

/**
 * Prefix of the attributes that Pub/Sub adds:
 * https://docs.cloud.google.com/pubsub/docs/dead-letter-topics#track-delivery-attempts
 */
const POLICY_PREFIX = 'CloudPubSubDeadLetterSource';

/** A message of a dead-letter subscription, as the commands use it. */
export interface DeadLetter {
  /** Pub/Sub's message id of the dead letter. */
  readonly id: string;
  /** Publish time of the dead letter, RFC 3339. */
  readonly publishTime: string;
  /** Time when the service or Pub/Sub dead-lettered the message, RFC 3339. */
  readonly time: string;
  /** Empty if Pub/Sub dead-lettered it. */
  readonly service: string;
  /** A PoisonReason, POLICY_REASON, or `unknown` for a message that is not a dead letter. */
  readonly reason: string;
  readonly error: string;
  readonly attempt: number;
  /** `projects/p/subscriptions/s` or `mqtt:<topic>`; empty if it is not a dead letter. */
  readonly source: string;
  /** Size of the original's data. */
  readonly bytes: number;
  /** True if the original did not fit and was truncated. */
  readonly isTruncated: boolean;
  /** The object with the whole original, if the dead letter does not hold it: `gs://bucket/name`. */
  readonly object: string | undefined;
  /** All attributes of the dead letter. */
  readonly attributes: Attributes;
  /** The part of the original in the dead letter. */
  readonly original: Original;
}

/** Reads a message of a dead-letter subscription. */
export function readDeadLetter(message: PubSubMessage): DeadLetter {
  const attributes = message.attributes ?? {};
  const data =
    typeof message.data === 'string' ? Buffer.from(message.data, 'base64') : (message.data ?? Buffer.alloc(0));
  const time = message.publishTime;
  const publishTime = rfc3339(Number(time?.seconds ?? 0), time?.nanos ?? 0);
  const bytes = Number(attributes.dlq_original_bytes ?? data.byteLength);
  return {
    id: message.messageId ?? '',
    publishTime,
    ...(marksIn(attributes, publishTime) ?? {
      ...{ service: '', reason: 'unknown', error: 'not a dead letter of ours or of Pub/Sub', attempt: 0 },
      ...{ source: '', time: publishTime },
    }),
    bytes: Number.isSafeInteger(bytes) ? bytes : data.byteLength,
    isTruncated: attributes.dlq_truncated === 'true',
    object: attributes.dlq_object,
    attributes,
    original: {
      data,
      attributes: originalAttributes(attributes),
      orderingKey: attributes.dlq_ordering_key ?? message.orderingKey ?? '',
    },
  };
}

type Marks = Pick<DeadLetter, 'service' | 'reason' | 'error' | 'attempt' | 'source' | 'time'>;

function marksIn(attributes: Attributes, publishTime: string): Marks | undefined {
  if (attributes.dlq_reason !== undefined) {
    return {
      service: attributes.dlq_service ?? '',
      reason: attributes.dlq_reason,
      error: attributes.dlq_error ?? '',
      attempt: Number(attributes.dlq_attempt ?? 1),
      source: attributes.dlq_source ?? '',
      time: attributes.dlq_time ?? publishTime,
    };
  }
  const subscription = attributes[`${POLICY_PREFIX}Subscription`];
  if (subscription === undefined) return undefined;
  const attempt = Number(attributes[`${POLICY_PREFIX}DeliveryCount`] ?? 1);
  return {
    service: '',
    reason: POLICY_REASON,
    error: `Pub/Sub dead-lettered it after ${attempt} deliveries`,
    attempt,
    source: `projects/${attributes[`${POLICY_PREFIX}SubscriptionProject`] ?? ''}/subscriptions/${subscription}`,
    time: publishTime,
  };
}

/** Returns the attributes without those added by dead-lettering, ours and Pub/Sub's. */
export function originalAttributes(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter(
      ([name]) => !name.startsWith(MARK_PREFIX) && !name.startsWith(POLICY_PREFIX) && !isReserved(name),
    ),
  );
}
