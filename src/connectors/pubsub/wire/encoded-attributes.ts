import protobuf from 'protobufjs/minimal.js';
import type { Attributes } from '../../../core/message.ts';

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
