import type { Delivery } from '../../core/delivery.ts';
import { envelopeOf } from '../../core/envelope.ts';
import { PoisonError } from '../../core/errors.ts';
import { keyText, MessageView } from '../../core/message-path.ts';
import type { Address } from '../../sinks/pubsub/pubsub-sink.ts';
import type { RouteTable } from './route-table.ts';
import { RoutedMessage } from './routed-message.ts';

/** Where a routed delivery is published: the topic of its route's producer, under that producer's ordering key. */
export function addressBy(table: () => RouteTable): (delivery: Delivery) => Address {
  return ({ message }) => {
    const { attributes } = message;
    const routeName = attributes.route_name ?? '';
    const producer = table().producerOf(routeName);
    if (producer === undefined) throw new PoisonError('unroutable', `there is no producer "${routeName}" any more`);
    return {
      topicId: producer.topicId,
      message: {
        data: envelopeOf(message),
        attributes: message instanceof RoutedMessage ? message.route.outgoingAttributes : attributes,
        orderingKey: keyText(producer.orderingKey?.(new MessageView(message))) ?? '',
      },
    };
  };
}
