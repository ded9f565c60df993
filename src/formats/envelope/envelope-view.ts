import type { EnrichmentData } from '../../core/message.ts';
import { utf8Text } from '../../util/bytes.ts';
import { parseLossless } from '../../util/json/lossless-json.ts';
import { isFlatObject, isUtcTime, textInFlatObject } from './envelope-bytes.ts';

/** The text between the values of an envelope, as this platform and the Go platform write it. */
const BEFORE_ID = Buffer.from('{"id":"');
const BEFORE_PAYLOAD = Buffer.from('","payload":"');
const BEFORE_TIME = Buffer.from('","publishTime":"');
const BEFORE_DATA = Buffer.from(',"enrichmentData":{');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CLOSING_BRACE = 0x7d;
const PADDING = 0x3d;
const DIGITS = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
/** The six-bit value of each base64 digit; larger for other bytes. */
const BITS_OF = new Uint8Array(256).fill(0xff);
for (const [bits, digit] of DIGITS.entries()) BITS_OF[digit] = bits;
/** Bits of the last digit that belong to no byte, by the number of padding characters. */
const UNUSED_BITS = [0, 0b11, 0b1111];

/** The positions of an envelope's values in its bytes. */
interface Places {
  readonly idEnd: number;
  readonly payloadEnd: number;
  readonly timeEnd: number;
}

/** An envelope that decodes its values on demand, without parsing all of it. */
export class EnvelopeView {
  readonly bytes: Buffer;
  /** Length of everything before the enrichment data: id, payload and publish time. */
  readonly headLength: number;
  readonly #idEnd: number;
  readonly #payloadEnd: number;
  #id: string | undefined;
  #publishTime: string | undefined;
  #payload: Buffer | undefined;
  /** Parsed on first use if the data is a flat object. */
  #enrichmentData: EnrichmentData | undefined;
  readonly #isFlat: boolean;

  /** @param enrichmentData undefined if the data is a flat object: it is valid, and is parsed on first use. */
  constructor(bytes: Buffer, places: Places, enrichmentData: EnrichmentData | undefined) {
    this.bytes = bytes;
    this.#idEnd = places.idEnd;
    this.#payloadEnd = places.payloadEnd;
    this.headLength = places.timeEnd + 1;
    this.#enrichmentData = enrichmentData;
    this.#isFlat = enrichmentData === undefined;
  }

  get enrichmentData(): EnrichmentData {
    this.#enrichmentData ??= JSON.parse(this.dataText ?? '{}');
    return this.#enrichmentData ?? {};
  }

  /** See `Message.plainMember`. */
  plainMember(name: Uint8Array): string | null | undefined {
    if (!this.#isFlat) return undefined;
    return textInFlatObject(this.bytes, this.headLength + BEFORE_DATA.length - 1, this.bytes.length - 1, name);
  }

  get id(): string {
    this.#id ??= this.bytes.toString('latin1', BEFORE_ID.length, this.#idEnd);
    return this.#id;
  }

  get publishTime(): string {
    this.#publishTime ??= this.bytes.toString('latin1', this.#payloadEnd + BEFORE_TIME.length, this.headLength - 1);
    return this.#publishTime;
  }

  /** The envelope up to the publish time: `{"id":string,"payload":base64`. */
  get idAndPayload(): string {
    return this.bytes.toString('latin1', 0, this.#payloadEnd + 1);
  }

  /** The payload in base64, with padding. */
  get base64(): string {
    return this.bytes.toString('latin1', this.#idEnd + BEFORE_PAYLOAD.length, this.#payloadEnd);
  }

  get hasNoData(): boolean {
    const start = this.dataStart;
    return start === undefined || this.bytes[start + 1] === CLOSING_BRACE;
  }

  /** Index of the opening brace of the enrichment data; undefined if there is none. */
  get dataStart(): number | undefined {
    const start = this.headLength + BEFORE_DATA.length - 1;
    return start < this.bytes.length ? start : undefined;
  }

  /** The enrichment data as written; undefined if there is none. Not cached, because thousands of messages wait. */
  get dataText(): string | undefined {
    const start = this.dataStart;
    return start === undefined ? undefined : this.bytes.toString('utf8', start, this.bytes.length - 1);
  }

  get payload(): Buffer {
    this.#payload ??= Buffer.from(this.base64, 'base64');
    return this.#payload;
  }
}

/**
 * Reads an envelope of the common form: members in the order in which this project and the Go platform write them,
 * without escapes or whitespace. Returns undefined for any other envelope, valid or not; parsing it as JSON gives the
 * same result.
 */
export function viewEnvelope(bytes: Buffer): EnvelopeView | undefined {
  if (!matches(BEFORE_ID, bytes, 0)) return undefined;
  const idEnd = endOfId(bytes, BEFORE_ID.length);
  if (idEnd === BEFORE_ID.length || !matches(BEFORE_PAYLOAD, bytes, idEnd)) return undefined;
  const payloadEnd = endOfBase64(bytes, idEnd + BEFORE_PAYLOAD.length);
  if (!matches(BEFORE_TIME, bytes, payloadEnd)) return undefined;
  const timeStart = payloadEnd + BEFORE_TIME.length;
  const timeEnd = endOfId(bytes, timeStart);
  if (bytes[timeEnd] !== QUOTE) return undefined;
  if (!isUtcTime(bytes, timeStart, timeEnd)) return undefined;
  const places = { idEnd, payloadEnd, timeEnd };
  if (hasFlatData(bytes, timeEnd + 1)) return new EnvelopeView(bytes, places, undefined);
  const enrichmentData = dataBehind(bytes, timeEnd + 1);
  return enrichmentData && new EnvelopeView(bytes, places, enrichmentData);
}

function matches(expected: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let index = 0; index < expected.length; index += 1) if (bytes[start + index] !== expected[index]) return false;
  return true;
}

/** Returns the index of the first byte that JSON would escape, or that is not ASCII. */
function endOfId(bytes: Uint8Array, start: number): number {
  let index = start;
  for (; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) break;
  }
  return index;
}

/**
 * Returns the end of padded, canonical base64, or `start` if there is none. Unused bits must be zero (RFC 4648, 3.5),
 * or one payload could be passed on as two different strings.
 */
function endOfBase64(bytes: Uint8Array, start: number): number {
  let end = start;
  while (bitsOf(bytes[end]) < 64) end += 1;
  const lastBits = end > start ? bitsOf(bytes[end - 1]) : 0;
  let paddings = 0;
  while (bytes[end] === PADDING && paddings < 2) {
    end += 1;
    paddings += 1;
  }
  return (end - start) % 4 === 0 && (lastBits & (UNUSED_BITS[paddings] ?? 0)) === 0 ? end : start;
}

function bitsOf(byte: number | undefined): number {
  return BITS_OF[byte ?? 0] ?? 0xff;
}

function hasFlatData(bytes: Buffer, start: number): boolean {
  const last = bytes.length - 1;
  if (bytes[last] !== CLOSING_BRACE || !matches(BEFORE_DATA, bytes, start)) return false;
  return isFlatObject(bytes, start + BEFORE_DATA.length - 1, last);
}

/** Parses the enrichment data at the end of an envelope; undefined if anything else is there. */
function dataBehind(bytes: Buffer, start: number): EnrichmentData | undefined {
  const last = bytes.length - 1;
  if (bytes[last] !== CLOSING_BRACE) return undefined;
  if (start === last) return {};
  if (!matches(BEFORE_DATA, bytes, start) || bytes[last - 1] !== CLOSING_BRACE) return undefined;
  try {
    const data = utf8Text(bytes, start + BEFORE_DATA.length - 1, last);
    if (data === undefined) return undefined;
    const value = parseLossless(bytes, data, start);
    return isData(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isData(value: unknown): value is EnrichmentData {
  return typeof value === 'object' && value !== null;
}
