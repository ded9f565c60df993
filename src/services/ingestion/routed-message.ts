import type { Attributes, EnrichmentData, Message } from '../../core/message.ts';
import type { Route } from './route-table.ts';

/** A message on its route, with the attributes that all messages of its topic have. */
export class RoutedMessage implements Message {
  readonly id: string;
  readonly payload: Uint8Array;
  readonly publishTime: string;
  readonly route: Route;
  readonly enrichmentData: EnrichmentData;

  constructor({ id, payload, publishTime }: Message, route: Route, enrichmentData: EnrichmentData) {
    this.id = id;
    this.payload = payload;
    this.publishTime = publishTime;
    this.route = route;
    this.enrichmentData = enrichmentData;
  }

  get attributes(): Attributes {
    return this.route.attributes;
  }
}
