import type { EnrichmentData, Message } from './message.ts';

/** Keyed by the data, not the message, so that a message with other data cannot get an outdated text. */
const TEXTS = new WeakMap<EnrichmentData, string>();

/** Stores the original JSON text of enrichment data, so that it can be passed on unchanged. */
export function keepEnrichmentText(data: EnrichmentData, json: string): void {
  TEXTS.set(data, json);
}

/** Returns the JSON text of a message's enrichment data if it is available without encoding. */
export function enrichmentText(message: Message): string | undefined {
  return message.enrichmentJson ?? TEXTS.get(message.enrichmentData);
}
