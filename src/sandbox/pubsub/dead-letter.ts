import type { Entry } from './entry.ts';
import type { PublishRequest } from './publish-codec.ts';
import type { SubscriptionSettings } from './subscription-settings.ts';
import { lengthDelimited } from './wire.ts';

/**
 * The message as it goes to the dead-letter topic, with the attributes that
 * https://cloud.google.com/pubsub/docs/handling-failures#track_delivery_attempts lists.
 */
export function deadLetterRequest(entry: Entry, settings: SubscriptionSettings, topic: string): PublishRequest {
  const { message } = entry;
  const [, project = '', , id = ''] = (settings.name ?? '').split('/');
  const attributes = {
    CloudPubSubDeadLetterSourceDeliveryCount: String(entry.failures),
    CloudPubSubDeadLetterSourceSubscription: id,
    CloudPubSubDeadLetterSourceSubscriptionProject: project,
    CloudPubSubDeadLetterSourceTopicPublishTime: new Date(message.published.publishTimeMs).toISOString(),
  };
  const added = Object.entries(attributes).map(([key, value]) =>
    lengthDelimited(2, Buffer.concat([lengthDelimited(1, key), lengthDelimited(2, value)])),
  );
  const bytes = Buffer.concat([message.published.bytes.subarray(message.start, message.end), ...added]);
  const messages = [{ start: 0, end: bytes.length, orderingKey: message.orderingKey }];
  return { topic, bytes, messages, violation: undefined };
}
