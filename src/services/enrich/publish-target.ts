import type { OutgoingMessage } from '../../connectors/pubsub/limits.ts';
import { type OrderingKeyConfig, orderingKeyBy } from '../../connectors/pubsub/ordering-key.ts';
import type { PublishTarget } from '../../connectors/pubsub/sink.ts';
import { ReceivedMessage } from '../../connectors/pubsub/wire/pull-response.ts';
import type { Delivery } from '../../core/delivery.ts';
import type { Message } from '../../core/message.ts';
import { keyText, MessageView } from '../../core/message-path.ts';
import { EnvelopedMessage, envelopeOf } from '../../formats/envelope/envelope.ts';
import type { KeyOf } from './lookup.ts';

/**
 * Returns the key by which deliveries keep their order through the lookups: the ordering key they will be published
 * under, if known before the lookup; else the one they arrived with; else the lookup key.
 */
export function orderBy(
  orderingKey: OrderingKeyConfig | undefined,
  keyOf: KeyOf,
): (delivery: Delivery) => string | undefined {
  const read = orderingKey === undefined ? undefined : orderingKeyBy(orderingKey).orderOf;
  return ({ message, ackHandle }) => {
    const configured = read?.(new MessageView(message));
    return configured ?? keyText(ackHandle.original.orderingKey) ?? keyOf(message);
  };
}

/** Returns a message's attributes, still encoded if they are unchanged. */
function unchangedAttributes(message: Message): OutgoingMessage['attributes'] {
  const received = message instanceof EnvelopedMessage ? message.outer : message;
  return received instanceof ReceivedMessage ? received.encodedAttributes : message.attributes;
}

/**
 * Publishes each delivery to one topic, in an envelope, with its original attributes. Default ordering key: the
 * original one.
 */
export function toPublishTarget(
  topicId: string,
  orderingKey?: OrderingKeyConfig,
): (delivery: Delivery) => PublishTarget {
  const read = orderingKey === undefined ? undefined : orderingKeyBy(orderingKey).keyOf;
  return ({ message, ackHandle }) => ({
    topicId,
    message: {
      data: envelopeOf(message),
      attributes: unchangedAttributes(message),
      orderingKey: read === undefined ? ackHandle.original.orderingKey : (read(new MessageView(message)) ?? ''),
    },
  });
}
