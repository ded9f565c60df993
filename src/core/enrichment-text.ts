import type { EnrichmentData, Message } from './message.ts';

/** Kept by the data, not by the message: a message with other data cannot have a text of before. */
const TEXTS = new WeakMap<EnrichmentData, string>();

/** Keeps the JSON text that enrichment data came in, so that it can be handed on as it came. */
export function keepEnrichmentText(data: EnrichmentData, json: string): void {
  TEXTS.set(data, json);
}

/** The JSON text of a message's enrichment data, where it is known without writing it. */
export function enrichmentText(message: Message): string | undefined {
  return message.enrichmentJson ?? TEXTS.get(message.enrichmentData);
}
