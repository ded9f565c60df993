import { type EnrichmentData, isPlainUtc } from './message.ts';

/** What stands between the values of an envelope as this project and its like write it. */
const BEFORE_ID = '{"id":"';
const BEFORE_PAYLOAD = '","payload":"';
const BEFORE_TIME = '","publishTime":"';
const BEFORE_DATA = ',"enrichmentData":{';
/** Text that stands in JSON as it is. */
const PLAIN = /^[ !#-[\]-~]+$/;
const BASE64 = new Uint8Array(256);
for (const digit of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')) BASE64[digit] = 1;
const PADDING = 61;
const CLOSING_BRACE = 125;

/** An envelope that is read where it lies. */
export class ReadEnvelope {
  readonly id: string;
  /** The payload in base64, with padding. */
  readonly base64: string;
  readonly publishTime: string;
  readonly #bytes: Buffer;
  readonly #headLength: number;
  #payload: Buffer | undefined;

  constructor(fields: { id: string; base64: string; publishTime: string }, bytes: Buffer, headLength: number) {
    this.id = fields.id;
    this.base64 = fields.base64;
    this.publishTime = fields.publishTime;
    this.#bytes = bytes;
    this.#headLength = headLength;
  }

  get payload(): Buffer {
    this.#payload ??= Buffer.from(this.base64, 'base64');
    return this.#payload;
  }

  /** The envelope with another end in the place of everything behind its publish time. */
  endingIn(end: string): Buffer {
    const bytes = Buffer.allocUnsafe(this.#headLength + Buffer.byteLength(end));
    this.#bytes.copy(bytes, 0, 0, this.#headLength);
    bytes.write(end, this.#headLength);
    return bytes;
  }
}

/**
 * Reads an envelope of the common form: its members in the order in which this project and its like write them, without
 * escapes and blanks. Undefined for every other one, valid or not: it has to be parsed as JSON, to the same result.
 */
export function readInPlace(
  bytes: Buffer,
): { readonly envelope: ReadEnvelope; readonly enrichmentData: EnrichmentData } | undefined {
  // Latin-1 has one character a byte; what is not ASCII is looked at in the enrichment data only, and there as UTF-8.
  const text = bytes.toString('latin1');
  if (!text.startsWith(BEFORE_ID)) return undefined;
  const idEnd = text.indexOf('"', BEFORE_ID.length);
  if (!text.startsWith(BEFORE_PAYLOAD, idEnd)) return undefined;
  const payloadStart = idEnd + BEFORE_PAYLOAD.length;
  const payloadEnd = text.indexOf('"', payloadStart);
  if (!text.startsWith(BEFORE_TIME, payloadEnd)) return undefined;
  const timeStart = payloadEnd + BEFORE_TIME.length;
  const timeEnd = text.indexOf('"', timeStart);
  const id = text.slice(BEFORE_ID.length, idEnd);
  const publishTime = text.slice(timeStart, timeEnd);
  if (timeEnd < 0 || !PLAIN.test(id) || !isPlainUtc(publishTime)) return undefined;
  if (!isPaddedBase64(bytes, payloadStart, payloadEnd)) return undefined;
  const enrichmentData = dataBehind(bytes, text, timeEnd + 1);
  if (enrichmentData === undefined) return undefined;
  const base64 = text.slice(payloadStart, payloadEnd);
  return { envelope: new ReadEnvelope({ id, base64, publishTime }, bytes, timeEnd + 1), enrichmentData };
}

/** The enrichment data that ends an envelope; undefined if something else stands there. */
function dataBehind(bytes: Buffer, text: string, start: number): EnrichmentData | undefined {
  const last = bytes.length - 1;
  if (bytes[last] !== CLOSING_BRACE) return undefined;
  if (start === last) return {};
  if (!text.startsWith(BEFORE_DATA, start)) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8', start + BEFORE_DATA.length - 1, last));
  } catch {
    return undefined;
  }
}

function isPaddedBase64(bytes: Buffer, start: number, end: number): boolean {
  if ((end - start) % 4 !== 0) return false;
  let digitsEnd = end;
  while (digitsEnd > end - 2 && digitsEnd > start && bytes[digitsEnd - 1] === PADDING) digitsEnd -= 1;
  for (let index = start; index < digitsEnd; index += 1) if (BASE64[bytes[index] ?? 0] !== 1) return false;
  return true;
}
