import { asBuffer } from './bytes.ts';
import type { Attributes, EnrichmentData, Message } from './message.ts';
import type { ReadEnvelope } from './read-envelope.ts';

/**
 * A message in the envelope that it came in. Most services hand id, payload and time on as they are: so the payload is
 * decoded only when somebody asks for it, and the head of the envelope is copied, not written again.
 */
export class EnvelopedMessage implements Message {
  readonly envelope: ReadEnvelope;
  /** The message whose payload the envelope is: its attributes are this one's. */
  readonly outer: Message;
  readonly enrichmentData: EnrichmentData;

  constructor(envelope: ReadEnvelope, outer: Message, enrichmentData: EnrichmentData) {
    this.envelope = envelope;
    this.outer = outer;
    this.enrichmentData = enrichmentData;
  }

  get attributes(): Attributes {
    return this.outer.attributes;
  }

  get id(): string {
    return this.envelope.id;
  }

  get publishTime(): string {
    return this.envelope.publishTime;
  }

  get payload(): Uint8Array {
    return this.envelope.payload;
  }
}

/** The payload of any message in base64, with padding. */
export function payloadBase64(message: Message): string {
  return message instanceof EnvelopedMessage ? message.envelope.base64 : asBuffer(message.payload).toString('base64');
}

/** Returns the message with `extra` merged over its enrichment data. */
export function enriched(message: Message, extra: EnrichmentData): Message {
  const data = { ...message.enrichmentData, ...extra };
  if (message instanceof EnvelopedMessage) return new EnvelopedMessage(message.envelope, message.outer, data);
  const { id, payload, publishTime, attributes } = message;
  return { id, payload, publishTime, attributes, enrichmentData: data };
}
