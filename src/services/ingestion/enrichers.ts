import { PoisonError } from '../../core/errors.ts';
import { plainObject } from '../../core/hook-result.ts';
import type { EnrichmentData, Message } from '../../core/message.ts';
import { keyText, MessageView, validPath } from '../../core/message-path.ts';
import type { RouteTable } from './route-table.ts';
import { RoutedMessage } from './routed-message.ts';

/** What an ingestion pipeline's `hooks.ts` may replace: what is added to a message's enrichment data. */
export type Enricher = (message: Message, device: EnrichmentData) => EnrichmentData;

/** The standard enricher: what the topic tells of the device, the topic, and the time of receipt. */
export const standardEnricher: Enricher = (message, device) => ({
  ...device,
  Topic: message.attributes.mqtt_topic,
  Timestamp: message.publishTime,
});

/** Gives the message the id that its payload holds, where a path to it is configured and leads somewhere. */
export function identifyBy(path: string | undefined): (message: Message) => Message {
  if (path === undefined) return (message) => message;
  const read = validPath(path);
  return (message) => {
    const id = keyText(read(new MessageView(message)));
    return id === undefined ? message : { ...message, id };
  };
}

/** Finds the route of a message as MQTT brings it: adds the attribute `route_name`, and what the enricher says. */
export function routeBy(table: () => RouteTable, enricher: Enricher): (message: Message) => Message {
  return (message) => {
    const topic = message.attributes.mqtt_topic ?? '';
    const route = table().routeOf(topic);
    if (route === undefined) throw new PoisonError('unroutable', `no route matches the topic "${topic}"`);
    const added = plainObject('enricher', enricher(message, route.device));
    return new RoutedMessage(message, route, { ...added });
  };
}
