import { PoisonError } from '../../core/errors.ts';
import { plainObject } from '../../core/hook-result.ts';
import type { Message } from '../../core/message.ts';
import type { Enricher } from './enrichers.ts';
import type { RouteTable } from './route-table.ts';
import { RoutedMessage } from './routed-message.ts';

/**
 * Finds the route of a message as MQTT brings it: adds the attribute `route_name`, and what the enricher says: the
 * standard one, when left out.
 */
export function routeBy(table: () => RouteTable, enricher?: Enricher): (message: Message) => Message {
  return (message) => {
    const topic = message.attributes.mqtt_topic ?? '';
    const route = table().routeOf(topic);
    if (route === undefined) throw new PoisonError('unroutable', `no route matches the topic "${topic}"`);
    if (enricher === undefined) return new RoutedMessage(message, route);
    return new RoutedMessage(message, route, { ...plainObject('enricher', enricher(message, route.device)) });
  };
}
