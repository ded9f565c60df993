import type { EnrichmentData, Message } from '../../core/message.ts';
import type { HookAnswer } from '../../operators/apply-hook.ts';

/** The hook that makes a message's enrichment data. */
export type Enricher = (message: Message, device: EnrichmentData) => HookAnswer<EnrichmentData>;

/** The standard enricher: what the topic tells of the device, the topic, and the time of receipt. */
export const standardEnricher = (message: Message, device: EnrichmentData): EnrichmentData => ({
  ...device,
  Topic: message.attributes.mqtt_topic,
  Timestamp: message.publishTime,
});

/** The standard enricher's JSON for a topic's messages, up to the time: `{"DeviceID":"d1",…,"Timestamp":"`. */
export function standardJsonHead(device: EnrichmentData, topic: string): string {
  const { Timestamp: _, ...rest }: EnrichmentData = { ...device, Topic: topic };
  return `${JSON.stringify(rest).slice(0, -1)},"Timestamp":"`;
}
