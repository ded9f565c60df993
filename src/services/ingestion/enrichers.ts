import type { EnrichmentData, Message } from '../../core/message.ts';

/** What an ingestion pipeline's `hooks.ts` may replace: what is added to a message's enrichment data. */
export type Enricher = (message: Message, device: EnrichmentData) => EnrichmentData;

/** The standard enricher: what the topic tells of the device, the topic, and the time of receipt. */
export const standardEnricher: Enricher = (message, device) => ({
  ...device,
  Topic: message.attributes.mqtt_topic,
  Timestamp: message.publishTime,
});
