import { enrichmentText, keepEnrichmentText } from '../../core/enrichment-text.ts';
import type { Attributes, EnrichmentData, Message } from '../../core/message.ts';
import { asBuffer } from '../../util/bytes.ts';
import { withMembers } from '../../util/json/json-members.ts';
import type { EnvelopeView } from './envelope-view.ts';

/**
 * A message in its original envelope. Most services pass id, payload and time through, so the payload is decoded on
 * demand and the head of the envelope is copied instead of encoded again.
 */
export class EnvelopedMessage implements Message {
  readonly envelope: EnvelopeView;
  /** The message whose payload is the envelope. It provides the attributes. */
  readonly outer: Message;
  /** Members added to the envelope's enrichment data. */
  readonly added: EnrichmentData | undefined;
  #data: EnrichmentData | undefined;

  constructor(envelope: EnvelopeView, outer: Message, added?: EnrichmentData) {
    this.envelope = envelope;
    this.outer = outer;
    this.added = added;
  }

  get enrichmentData(): EnrichmentData {
    if (this.added === undefined) return this.envelope.enrichmentData;
    this.#data ??= { ...this.envelope.enrichmentData, ...this.added };
    return this.#data;
  }

  plainMember(name: string, bytes: Uint8Array): string | null | undefined {
    const { added } = this;
    return added !== undefined && Object.hasOwn(added, name) ? undefined : this.envelope.plainMember(bytes);
  }

  /** Members that were not replaced keep their original text. */
  get enrichmentJson(): string | undefined {
    const text = this.envelope.dataText;
    if (this.added === undefined) return text;
    return text === undefined ? JSON.stringify(this.added) : withMembers(text, this.added);
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

/** Returns the payload of any message in base64, with padding. */
export function payloadBase64(message: Message): string {
  return message instanceof EnvelopedMessage ? message.envelope.base64 : asBuffer(message.payload).toString('base64');
}

/** Returns the beginning of any message's envelope: `{"id":string,"payload":base64`. */
export function idAndPayload(message: Message): string {
  if (message instanceof EnvelopedMessage) return message.envelope.idAndPayload;
  return `{"id":${JSON.stringify(message.id)},"payload":"${payloadBase64(message)}"`;
}

/** Merges `extra` over a message's enrichment data. All other members keep their original bytes. */
export function enriched(message: Message, extra: EnrichmentData): Message {
  if (message instanceof EnvelopedMessage) {
    const { envelope, outer, added } = message;
    // Messages share frozen data, and what is derived from it.
    const all = added === undefined && Object.isFrozen(extra) ? extra : { ...added, ...extra };
    return new EnvelopedMessage(envelope, outer, all);
  }
  const { id, payload, publishTime, attributes } = message;
  const data = { ...message.enrichmentData, ...extra };
  const text = enrichmentText(message);
  if (text !== undefined) keepSpliced(data, text, extra);
  return { id, payload, publishTime, attributes, enrichmentData: data };
}

function keepSpliced(data: EnrichmentData, text: string, extra: EnrichmentData): void {
  try {
    keepEnrichmentText(data, withMembers(text, extra));
  } catch {
    // JSON cannot represent it; writing the message reports the error.
  }
}
