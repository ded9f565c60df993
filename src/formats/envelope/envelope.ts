import { enrichmentText, keepEnrichmentText } from '../../core/enrichment-text.ts';
import { PoisonError } from '../../core/errors.ts';
import { type EnrichmentData, type Message, utcTime } from '../../core/message.ts';
import { asBuffer, utf8Text } from '../../util/bytes.ts';
import { jsonMembers } from '../../util/json/json-members.ts';
import { isJsonObject } from '../../util/json/json-number.ts';
import { parseLossless } from '../../util/json/lossless-json.ts';
import { viewEnvelope } from './envelope-view.ts';
import { EnvelopeWriter } from './envelope-writer.ts';
import { EnvelopedMessage, idAndPayload } from './enveloped-message.ts';
import { splicedMembers, type WrittenMembers, writtenMembers } from './splice-members.ts';

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
    throw new PoisonError('undecodable', 'the data is no JSON envelope', { cause: thrown });
  }
  if (!isJsonObject(value)) throw undecodable('the envelope is no JSON object');
  const { id, payload, publishTime, enrichmentData } = value;
  if (typeof id !== 'string' || id === '') throw undecodable('the envelope has no "id"');
  if (typeof payload !== 'string') throw undecodable('the envelope has no "payload" in base64');
  const bytes = Buffer.from(payload, 'base64');
  if (!isBase64(payload, bytes)) throw undecodable('the envelope\'s "payload" is no base64');
  const time = typeof publishTime === 'string' ? utcTime(publishTime) : undefined;
  if (time === undefined) throw undecodable('the envelope\'s "publishTime" is no RFC 3339 time');
  if (enrichmentData !== undefined && enrichmentData !== null && !isJsonObject(enrichmentData)) {
    throw undecodable('the envelope\'s "enrichmentData" is no JSON object');
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
