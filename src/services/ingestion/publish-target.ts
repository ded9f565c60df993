import { PUBSUB_LIMITS, requestBytes } from '../../connectors/pubsub/limits.ts';
import type { PublishTarget } from '../../connectors/pubsub/sink.ts';
import type { EncodedAttributes } from '../../connectors/pubsub/wire/protobuf.ts';
import { encodeAttributes } from '../../connectors/pubsub/wire/requests.ts';
import type { Delivery } from '../../core/delivery.ts';
import { PoisonError } from '../../core/errors.ts';
import type { Attributes } from '../../core/message.ts';
import { MessageView } from '../../core/message-path.ts';
import { envelopeOf } from '../../formats/envelope/envelope.ts';
import { RoutedMessage, type RouteTable } from './route-table.ts';

/** Encoded attributes of routes. A topic's attributes are the same object while its route is cached. */
const ENCODED = new WeakMap<Attributes, Attributes | EncodedAttributes>();

function encoded(attributes: Attributes): Attributes | EncodedAttributes {
  const before = ENCODED.get(attributes);
  if (before !== undefined) return before;
  const result = encodeAttributes(attributes);
  ENCODED.set(attributes, result);
  return result;
}

/** Returns the key by which a routed delivery keeps its order, read before a hook can change its source. */
export function orderBy(table: () => RouteTable): (delivery: Delivery) => string | undefined {
  return ({ message }) =>
    table()
      .producerOf(message.attributes.route_name ?? '')
      ?.orderingKey?.orderOf(new MessageView(message));
}

/**
 * Returns the target of a routed delivery: topic and ordering key of its route's producer. Omits a message's own
 * attributes if they would make it larger than a request may be.
 */
export function toPublishTarget(
  table: () => RouteTable,
  onLeftOut: (left: { readonly topic: string; readonly leftOut: number }) => void = () => {},
): (delivery: Delivery) => PublishTarget {
  return ({ message }) => {
    const { attributes } = message;
    const routeName = attributes.route_name ?? '';
    const producer = table().producerOf(routeName);
    if (producer === undefined) throw new PoisonError('unroutable', `the producer "${routeName}" no longer exists`);
    const data = envelopeOf(message);
    const orderingKey = producer.orderingKey?.keyOf(new MessageView(message)) ?? '';
    const { topicId } = producer;
    if (!(message instanceof RoutedMessage)) return { topicId, message: { data, attributes, orderingKey } };
    const ofRoute = message.route.attributes;
    if (attributes !== ofRoute) {
      const outgoing = { data, attributes, orderingKey };
      if (requestBytes(outgoing) <= PUBSUB_LIMITS.requestBytes) return { topicId, message: outgoing };
      const leftOut = Object.keys(attributes).length - Object.keys(ofRoute).length;
      onLeftOut({ topic: attributes.mqtt_topic ?? '', leftOut });
    }
    return { topicId, message: { data, attributes: encoded(ofRoute), orderingKey } };
  };
}
