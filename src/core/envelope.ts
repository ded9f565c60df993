import { asBuffer } from './bytes.ts';
import { EnvelopedMessage, payloadBase64 } from './enveloped-message.ts';
import { PoisonError } from './errors.ts';
import { type EnrichmentData, type Message, utcTime } from './message.ts';
import { readInPlace } from './read-envelope.ts';
import { UnwrittenEnvelope } from './unwritten-envelope.ts';

/*
 * What stands in the data of a Pub/Sub message between services, as JSON:
 * `{"id": string, "payload": base64, "publishTime": RFC 3339, "enrichmentData": object, left out when empty}`.
 */

/** A message's envelope. Attributes are not part of it: they travel as Pub/Sub attributes. */
export function envelopeOf(message: Message): UnwrittenEnvelope {
  const data = message.enrichmentJson ?? (isEmpty(message.enrichmentData) ? undefined : dataJson(message));
  const end = data === undefined ? '}' : `,"enrichmentData":${data}}`;
  if (message instanceof EnvelopedMessage) return new UnwrittenEnvelope(message.envelope, end);
  const { id, publishTime } = message;
  const head = `{"id":${JSON.stringify(id)},"payload":"${payloadBase64(message)}","publishTime":"${publishTime}"`;
  return new UnwrittenEnvelope(undefined, head + end);
}

/** A message's envelope as bytes. */
export function encodeEnvelope(message: Message): Buffer {
  const envelope = envelopeOf(message);
  const bytes = Buffer.allocUnsafe(envelope.byteLength);
  envelope.write(bytes, 0);
  return bytes;
}

/** A message's enrichment data as JSON; a PoisonError (`rejected`) if there is no JSON of it. */
export function dataJson({ enrichmentData }: Message): string {
  try {
    return JSON.stringify(enrichmentData);
  } catch (thrown) {
    throw new PoisonError('rejected', 'the enrichment data cannot be written as JSON', { cause: thrown });
  }
}

/** The message in the envelope that is another message's payload; attributes stay. Fails as `decodeEnvelope` does. */
export function openEnvelope(outer: Message): Message {
  const data = asBuffer(outer.payload);
  const read = readInPlace(data);
  if (read !== undefined) return new EnvelopedMessage(read, outer, read.enrichmentData);
  const { id, payload, publishTime, enrichmentData } = decodeEnvelope(data);
  return { id, payload, publishTime, attributes: outer.attributes, enrichmentData };
}

/** The part of a message that its envelope holds; a PoisonError (`undecodable`) says what is wrong with it. */
export function decodeEnvelope(data: Uint8Array): Omit<Message, 'attributes'> {
  let value: unknown;
  try {
    value = JSON.parse(asBuffer(data).toString('utf8'));
  } catch (thrown) {
    throw new PoisonError('undecodable', 'the data is no JSON envelope', { cause: thrown });
  }
  if (!isObject(value)) throw undecodable('the envelope is no JSON object');
  const { id, payload, publishTime, enrichmentData } = value;
  if (typeof id !== 'string' || id === '') throw undecodable('the envelope has no "id"');
  if (typeof payload !== 'string') throw undecodable('the envelope has no "payload" in base64');
  const bytes = Buffer.from(payload, 'base64');
  if (!isBase64(payload, bytes)) throw undecodable('the envelope\'s "payload" is no base64');
  const time = typeof publishTime === 'string' ? utcTime(publishTime) : undefined;
  if (time === undefined) throw undecodable('the envelope\'s "publishTime" is no RFC 3339 time');
  if (enrichmentData !== undefined && enrichmentData !== null && !isObject(enrichmentData)) {
    throw undecodable('the envelope\'s "enrichmentData" is no JSON object');
  }
  return { id, payload: bytes, publishTime: time, enrichmentData: enrichmentData ?? {} };
}

function undecodable(problem: string): PoisonError {
  return new PoisonError('undecodable', problem);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(data: EnrichmentData): boolean {
  for (const _ in data) return false;
  return true;
}

/** Node skips what is no base64 instead of refusing it; the length tells. */
function isBase64(text: string, bytes: Buffer): boolean {
  if (text.endsWith('=') && text.length % 4 !== 0) return false;
  const unpadded = text.endsWith('==') ? text.length - 2 : text.endsWith('=') ? text.length - 1 : text.length;
  return Math.floor((unpadded * 3) / 4) === bytes.byteLength && unpadded % 4 !== 1;
}
