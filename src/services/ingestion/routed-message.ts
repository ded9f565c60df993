import type { Attributes, EnrichmentData, Message } from '../../core/message.ts';
import { standardEnricher } from './enrichers.ts';
import type { Route } from './route-table.ts';

/** A message on its route, with the attributes of its topic and its own. */
export class RoutedMessage implements Message {
  readonly id: string;
  readonly payload: Uint8Array;
  readonly publishTime: string;
  readonly route: Route;
  /** The route's own object, unless the message has others. */
  readonly attributes: Attributes;
  #enrichmentData: EnrichmentData | undefined;

  /** @param enrichmentData defaults to the standard enrichment data, created on demand. */
  constructor({ id, payload, publishTime, attributes }: Message, route: Route, enrichmentData?: EnrichmentData) {
    this.id = id;
    this.payload = payload;
    this.publishTime = publishTime;
    this.route = route;
    this.attributes = merged(attributes, route);
    this.#enrichmentData = enrichmentData;
  }

  get enrichmentData(): EnrichmentData {
    this.#enrichmentData ??= standardEnricher(this, this.route.device);
    return this.#enrichmentData;
  }

  /** In the standard enrichment data, only the time differs between messages of a topic. */
  get enrichmentJson(): string | undefined {
    if (this.#enrichmentData !== undefined) return undefined;
    return `${this.route.standardJsonHead}${this.publishTime}"}`;
  }
}

/** Merges a message's attributes with the route's, which take precedence. */
function merged(own: Attributes, route: Route): Attributes {
  for (const name in own) {
    if (name !== 'mqtt_topic' && name !== 'route_name') return { ...own, ...route.attributes };
  }
  return route.attributes;
}
