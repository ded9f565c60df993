import type { EnrichmentData, Message } from '../../core/message.ts';
import type { HookAnswer } from '../../operators/apply-hook.ts';

/** A hook that creates a message's enrichment data. */
export type Enricher = (message: Message, device: EnrichmentData) => HookAnswer<EnrichmentData>;

/** Creates the standard enrichment data: the device data in the topic, the topic, and the time of receipt. */
export const standardEnricher = (message: Message, device: EnrichmentData): EnrichmentData => ({
  ...device,
  Topic: message.attributes.mqtt_topic,
  Timestamp: message.publishTime,
});

/** Returns the JSON of the standard enrichment data for a topic, up to the time: `{"DeviceID":"d1",…,"Timestamp":"`. */
export function standardJsonHead(device: EnrichmentData, topic: string): string {
  const { Timestamp: _, ...rest }: EnrichmentData = { ...device, Topic: topic };
  return `${JSON.stringify(rest).slice(0, -1)},"Timestamp":"`;
}
