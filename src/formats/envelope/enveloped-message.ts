import { enrichmentText, keepEnrichmentText } from '../../core/enrichment-text.ts';
import type { Attributes, EnrichmentData, Message } from '../../core/message.ts';
import { asBuffer } from '../../util/bytes.ts';
import { withMembers } from '../../util/json/json-members.ts';
import type { EnvelopeView } from './envelope-view.ts';

/**
 * A message in the envelope that it came in. Most services hand id, payload and time on as they are: so the payload is
 * decoded only when somebody asks for it, and the head of the envelope is copied, not written again.
 */
export class EnvelopedMessage implements Message {
  readonly envelope: EnvelopeView;
  /** The message whose payload the envelope is: its attributes are this one's. */
  readonly outer: Message;
  /** Members added to the enrichment data of the envelope. */
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

  /** Members that nobody touched stand there as they came. */
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

/** The payload of any message in base64, with padding. */
export function payloadBase64(message: Message): string {
  return message instanceof EnvelopedMessage ? message.envelope.base64 : asBuffer(message.payload).toString('base64');
}

/** The beginning of any message's envelope: `{"id":string,"payload":base64`. */
export function idAndPayload(message: Message): string {
  if (message instanceof EnvelopedMessage) return message.envelope.idAndPayload;
  return `{"id":${JSON.stringify(message.id)},"payload":"${payloadBase64(message)}"`;
}

/**
 * Returns the message with `extra` merged over its enrichment data. Members that are not in `extra` are handed on as
 * they came, to the byte.
 */
export function enriched(message: Message, extra: EnrichmentData): Message {
  if (message instanceof EnvelopedMessage) {
    const { envelope, outer, added } = message;
    // What is frozen is shared by messages, and so is what is made of it.
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
    // There is no JSON of it: whoever writes the message says so.
  }
}
