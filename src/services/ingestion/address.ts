import type { Delivery } from '../../core/delivery.ts';
import { envelopeOf } from '../../core/envelope.ts';
import { PoisonError } from '../../core/errors.ts';
import { keyText, MessageView } from '../../core/message-path.ts';
import { remembering } from '../../core/remembering.ts';
import { encodeAttributes } from '../../sinks/pubsub/publish-request.ts';
import type { Address } from '../../sinks/pubsub/pubsub-sink.ts';
import { REMEMBERED_TOPICS, type RouteTable } from './route-table.ts';
import { RoutedMessage } from './routed-message.ts';

/** Where a routed delivery is published: the topic of its route's producer, under that producer's ordering key. */
export function addressBy(table: () => RouteTable): (delivery: Delivery) => Address {
  const encoded = remembering(encodeAttributes, REMEMBERED_TOPICS);
  return ({ message }) => {
    const { attributes } = message;
    const routeName = attributes.route_name ?? '';
    const producer = table().producerOf(routeName);
    if (producer === undefined) throw new PoisonError('unroutable', `there is no producer "${routeName}" any more`);
    return {
      topicId: producer.topicId,
      message: {
        data: envelopeOf(message),
        attributes: message instanceof RoutedMessage ? encoded(attributes) : attributes,
        orderingKey: keyText(producer.orderingKey?.(new MessageView(message))) ?? '',
      },
    };
  };
}
