import type { Delivery } from '../../core/delivery.ts';
import { PoisonError } from '../../core/errors.ts';
import { type Drop, drop, plainObject } from '../../core/hook-result.ts';
import type { EnrichmentData, Message } from '../../core/message.ts';
import type { HookAnswer } from '../../operators/apply-hook.ts';
import type { Enricher } from './enrichers.ts';
import type { RouteTable } from './route-table.ts';
import { RoutedMessage } from './routed-message.ts';

/** Routes a message from MQTT: adds the attribute `route_name` and the standard enrichment data. */
export function routeBy(table: () => RouteTable): (message: Message) => Message {
  return (message) => {
    const topic = message.attributes.mqtt_topic ?? '';
    const route = table().routeOf(topic);
    if (route === undefined) throw new PoisonError('unroutable', `no route matches the topic "${topic}"`);
    return new RoutedMessage(message, route);
  };
}

/** Routes a message like `routeBy`, and drops a message without a route. */
export function routeOrDrop(table: () => RouteTable): (message: Message) => Message | Drop {
  const route = routeBy(table);
  return (message) => (table().routeOf(message.attributes.mqtt_topic ?? '') === undefined ? drop : route(message));
}

/** Calls a pipeline's own enricher for routed deliveries. */
export function enrichBy(enricher: Enricher): {
  readonly call: (delivery: Delivery) => HookAnswer<EnrichmentData>;
  readonly accept: (delivery: Delivery, result: EnrichmentData) => Delivery;
} {
  return {
    call: ({ message }) => enricher(message, message instanceof RoutedMessage ? message.route.device : {}),
    accept: (delivery, result) => {
      const { message } = delivery;
      const data = { ...plainObject('enricher', result) };
      return message instanceof RoutedMessage
        ? delivery.with(new RoutedMessage(message, message.route, data))
        : delivery;
    },
  };
}
