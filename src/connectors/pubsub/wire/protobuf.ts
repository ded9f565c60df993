import protobuf from 'protobufjs/minimal.js';
import type { Attributes } from '../../../core/message.ts';

/** Up to this length, writing single characters is faster than a call to Node, and the length fits in one byte. */
const SHORT = 64;
const FIRST_CAPACITY = 16 * 1024;

/** Bytes that can be written directly to their destination. */
export interface WritableBytes {
  readonly byteLength: number;
  write(target: Buffer, start: number): void;
}

/**
 * Writes the fields of a protobuf message, each string in one pass. Supports length-delimited fields only: a tag is
 * `(number << 3) | 2` with a number below 16. Reusable: `take` returns a copy of the bytes written since the last call.
 */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #length = 0;

  /** Discards a partly written message after a failure. */
  clear(): void {
    this.#length = 0;
  }

  text(tag: number, text: string): void {
    this.#reserve(text.length * 3 + 6);
    if (text.length <= SHORT && this.#ascii(tag, text)) return;
    this.begin(tag, Buffer.byteLength(text));
    this.#length += this.#bytes.write(text, this.#length);
  }

  data(tag: number, data: Uint8Array | WritableBytes): void {
    this.#reserve(data.byteLength + 6);
    this.begin(tag, data.byteLength);
    if (data instanceof Uint8Array) this.#bytes.set(data, this.#length);
    else data.write(this.#bytes, this.#length);
    this.#length += data.byteLength;
  }

  /** Appends fields that are already encoded. */
  copy({ bytes, start, end }: { readonly bytes: Buffer; readonly start: number; readonly end: number }): void {
    this.#reserve(end - start);
    this.#length += bytes.copy(this.#bytes, this.#length, start, end);
  }

  /** Writes the tag and length of a field; the caller writes its content next. */
  begin(tag: number, length: number): void {
    this.#reserve(6);
    this.#bytes[this.#length++] = tag;
    let rest = length;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#length++] = rest;
  }

  /** Begins a field of unknown length and returns its position for `end`. */
  open(tag: number): number {
    this.begin(tag, 0);
    return this.#length;
  }

  /** Ends the field opened at `start` by inserting its length before it. */
  end(start: number): void {
    const length = this.#length - start;
    if (length > 0x7f) {
      const more = varintSize(length) - 1;
      this.#reserve(more);
      this.#bytes.copyWithin(start + more, start, this.#length);
      this.#length += more;
    }
    let place = start - 1;
    let rest = length;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[place++] = (rest & 0x7f) | 0x80;
    this.#bytes[place] = rest;
  }

  /** Returns the bytes written since the last call. */
  take(): Buffer {
    const taken = Buffer.allocUnsafe(this.#length);
    this.#bytes.copy(taken, 0, 0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** Returns false and writes nothing if a character is not ASCII. */
  #ascii(tag: number, text: string): boolean {
    const start = this.#length + 2;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return false;
      this.#bytes[start + index] = code;
    }
    this.#bytes[start - 2] = tag;
    this.#bytes[start - 1] = text.length;
    this.#length = start + text.length;
    return true;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) size += 1;
  return size;
}

const { Reader } = protobuf;
type Reader = protobuf.Reader;

/** Tag of an entry's name: field 1, length-delimited. */
const NAME = (1 << 3) | 2;

/**
 * Attributes as encoded in a Pub/Sub response: the fields `map<string, string> attributes = 2` of a
 * `google.pubsub.v1.PubsubMessage`, each with tag and length. A publish request encodes them the same way, so unchanged
 * attributes are copied.
 */
export class EncodedAttributes {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** True if Pub/Sub is known to accept a message with these attributes. */
  readonly isAccepted: boolean;

  constructor(bytes: Buffer, start: number, end: number, isAccepted = false) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.isAccepted = isAccepted;
  }

  get byteLength(): number {
    return this.end - this.start;
  }

  /**
   * Returns whether a name may start with the text, in any case, without decoding. Also returns true if an entry does
   * not start with its name, so that the caller decodes it.
   *
   * @param text lower-case ASCII letters.
   */
  mayHaveNameBeginning(text: string): boolean {
    const { bytes, end } = this;
    const reader = Reader.create(bytes);
    reader.pos = this.start;
    while (reader.pos < end) {
      reader.uint32();
      const entryEnd = reader.uint32() + reader.pos;
      if (reader.pos < entryEnd && reader.uint32() !== NAME) return true;
      const length = reader.pos < entryEnd ? reader.uint32() : 0;
      let same = 0;
      while (same < length && same < text.length && lowerCase(bytes[reader.pos + same]) === text.charCodeAt(same)) {
        same += 1;
      }
      if (same === text.length) return true;
      reader.pos = entryEnd;
    }
    return false;
  }

  decode(): Attributes {
    const attributes: Record<string, string> = {};
    const reader = Reader.create(this.bytes);
    reader.pos = this.start;
    while (reader.pos < this.end) {
      reader.uint32();
      readEntry(reader, reader.uint32() + reader.pos, attributes);
    }
    return attributes;
  }
}

/** Lowercases an ASCII letter. A non-letter never becomes a letter. */
function lowerCase(byte = 0): number {
  return byte | 0x20;
}

function readEntry(reader: Reader, end: number, attributes: Record<string, string>): void {
  let key = '';
  let value = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = reader.string();
    else if (tag >>> 3 === 2) value = reader.string();
    else reader.skipType(tag & 7);
  }
  if (key !== '__proto__') attributes[key] = value;
  // Plain assignment would set the prototype.
  else Object.defineProperty(attributes, key, { value, enumerable: true, configurable: true, writable: true });
}
