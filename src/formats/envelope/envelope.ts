import { PoisonError } from '../../core/errors.ts';
import {
  type Attributes,
  type EnrichmentData,
  enrichmentText,
  keepEnrichmentText,
  type Message,
  utcTime,
} from '../../core/message.ts';
import { asBuffer, utf8Text } from '../../util/bytes.ts';
import { jsonMembers, withMembers } from '../../util/json/json-members.ts';
import { isJsonObject, parseLossless } from '../../util/json/lossless-json.ts';
import { splicedMembers, type WrittenMembers, writtenMembers } from './envelope-bytes.ts';
import { type EnvelopeView, viewEnvelope } from './envelope-view.ts';

/*
 * The data of a Pub/Sub message between services, as JSON: `{"id": string, "payload": base64, "publishTime": RFC 3339,
 * "enrichmentData": object, omitted when empty}`.
 */

/** Returns a message's envelope. Attributes are not part of it: they travel as Pub/Sub attributes. */
export function envelopeOf(message: Message): EnvelopeWriter {
  if (message instanceof EnvelopedMessage) return handedOn(message);
  const head = `${idAndPayload(message)},"publishTime":"${message.publishTime}"`;
  return new EnvelopeWriter(undefined, 0, `${head}${endOf(message)}`);
}

/** Reuses the original envelope, copying its bytes up to the added data. */
function handedOn(message: EnvelopedMessage): EnvelopeWriter {
  const { envelope, added } = message;
  const { bytes, dataStart, headLength } = envelope;
  if (dataStart !== undefined && !envelope.hasNoData) {
    if (added === undefined) return new EnvelopeWriter(envelope, bytes.length, '');
    const set = membersOf(added);
    const rest = set && splicedMembers(bytes, dataStart, bytes.length - 1, set);
    if (rest !== undefined) return new EnvelopeWriter(envelope, dataStart, rest, 'latin1');
  }
  return new EnvelopeWriter(envelope, headLength, endOf(message));
}

/** Returns the text after the publish time in an envelope. */
function endOf(message: Message): string {
  if (message instanceof EnvelopedMessage) return hasData(message) ? withData(dataJson(message)) : '}';
  // Checked before `enrichmentData`, whose getter may build the object.
  const { enrichmentJson } = message;
  if (enrichmentJson !== undefined) return withData(enrichmentJson);
  return isEmpty(message.enrichmentData) ? '}' : withData(dataJson(message));
}

function withData(json: string): string {
  return `,"enrichmentData":${json}}`;
}

/** Encodes a message's envelope. */
export function encodeEnvelope(message: Message): Buffer {
  const envelope = envelopeOf(message);
  const bytes = Buffer.allocUnsafe(envelope.byteLength);
  envelope.write(bytes, 0);
  return bytes;
}

/** Returns a message's enrichment data as JSON. Throws a PoisonError (`rejected`) if JSON cannot represent it. */
export function dataJson(message: Message): string {
  try {
    return enrichmentText(message) ?? JSON.stringify(message.enrichmentData);
  } catch (thrown) {
    throw noJson(thrown);
  }
}

function membersOf(added: EnrichmentData): WrittenMembers | undefined {
  try {
    return writtenMembers(added);
  } catch (thrown) {
    throw noJson(thrown);
  }
}

function noJson(cause: unknown): PoisonError {
  return new PoisonError('rejected', 'the enrichment data cannot be written as JSON', { cause });
}

/** Returns the message inside an envelope payload, with the outer attributes. Throws as `decodeEnvelope` does. */
export function openEnvelope(outer: Message): Message {
  const data = asBuffer(outer.payload);
  const read = viewEnvelope(data);
  if (read !== undefined) return new EnvelopedMessage(read, outer);
  const { id, payload, publishTime, enrichmentData } = decodeEnvelope(data);
  return { id, payload, publishTime, attributes: outer.attributes, enrichmentData };
}

/**
 * Decodes the part of a message that its envelope holds. Throws a PoisonError (`undecodable`) that describes the
 * problem.
 */
export function decodeEnvelope(data: Uint8Array): Omit<Message, 'attributes'> {
  const text = utf8Text(data);
  if (text === undefined) throw undecodable('the envelope is not UTF-8');
  let value: unknown;
  try {
    value = parseLossless(data, text);
  } catch (thrown) {
    throw new PoisonError('undecodable', 'the data is not a JSON envelope', { cause: thrown });
  }
  if (!isJsonObject(value)) throw undecodable('the envelope is not a JSON object');
  const { id, payload, publishTime, enrichmentData } = value;
  if (typeof id !== 'string' || id === '') throw undecodable('the envelope has no "id"');
  if (typeof payload !== 'string') throw undecodable('the envelope has no "payload" in base64');
  const bytes = Buffer.from(payload, 'base64');
  if (!isBase64(payload, bytes)) throw undecodable('the envelope\'s "payload" is not base64');
  const time = typeof publishTime === 'string' ? utcTime(publishTime) : undefined;
  if (time === undefined) throw undecodable('the envelope\'s "publishTime" is not an RFC 3339 time');
  if (enrichmentData !== undefined && enrichmentData !== null && !isJsonObject(enrichmentData)) {
    throw undecodable('the envelope\'s "enrichmentData" is not a JSON object');
  }
  if (enrichmentData === undefined || enrichmentData === null) {
    return { id, payload: bytes, publishTime: time, enrichmentData: {} };
  }
  const written = jsonMembers(text).findLast(({ name }) => name === 'enrichmentData')?.value;
  if (written !== undefined) keepEnrichmentText(enrichmentData, written);
  return { id, payload: bytes, publishTime: time, enrichmentData };
}

function undecodable(problem: string): PoisonError {
  return new PoisonError('undecodable', problem);
}

/** Checks for enrichment data without merging the added members. */
function hasData({ envelope, added }: EnvelopedMessage): boolean {
  return !envelope.hasNoData || (added !== undefined && !isEmpty(added));
}

function isEmpty(data: EnrichmentData): boolean {
  for (const _ in data) return false;
  return true;
}

/** Node skips invalid base64 characters instead of rejecting them; a wrong length reveals them. */
function isBase64(text: string, bytes: Buffer): boolean {
  if (text.endsWith('=') && text.length % 4 !== 0) return false;
  const unpadded = text.endsWith('==') ? text.length - 2 : text.endsWith('=') ? text.length - 1 : text.length;
  return Math.floor((unpadded * 3) / 4) === bytes.byteLength && unpadded % 4 !== 1;
}

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

/** `latin1`: each character represents one byte of UTF-8. */
type TextEncoding = 'utf8' | 'latin1';

/**
 * An envelope to be written: the unchanged head of the original envelope, if there is one, and the text after it. It is
 * encoded once, directly into its destination.
 */
export class EnvelopeWriter {
  readonly byteLength: number;
  readonly #head: EnvelopeView | undefined;
  readonly #headLength: number;
  readonly #text: string;
  readonly #encoding: TextEncoding;

  /** @param headLength bytes of the head to copy. */
  constructor(head: EnvelopeView | undefined, headLength: number, text: string, encoding: TextEncoding = 'utf8') {
    this.byteLength = headLength + (encoding === 'latin1' ? text.length : Buffer.byteLength(text));
    this.#head = head;
    this.#headLength = headLength;
    this.#text = text;
    this.#encoding = encoding;
  }

  /** Writes `byteLength` bytes to a buffer that has room for them. */
  write(target: Buffer, start: number): void {
    let place = start;
    if (this.#head !== undefined) place += this.#head.bytes.copy(target, start, 0, this.#headLength);
    target.write(this.#text, place, this.#encoding);
  }
}
