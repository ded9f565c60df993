import type { OutgoingMessage } from './limits.ts';

/** Tags of google/pubsub/v1/pubsub.proto: a field's number, and that its length is next. */
const TOPIC = (1 << 3) | 2;
const MESSAGES = (2 << 3) | 2;
const DATA = (1 << 3) | 2;
const ATTRIBUTES = (2 << 3) | 2;
const KEY = (1 << 3) | 2;
const VALUE = (2 << 3) | 2;
const ORDERING_KEY = (5 << 3) | 2;
/** Up to this length, writing characters one by one is faster than a call to Node. */
const SHORT = 24;

/**
 * Encodes a `google.pubsub.v1.PublishRequest` in one piece. The generated client would copy each message into a class of
 * protobuf first, and collect its fields in a list of small objects.
 *
 * @param topic full name: `projects/p/topics/t`.
 */
export function encodePublishRequest(topic: string, messages: readonly OutgoingMessage[]): Buffer {
  const sizes = messages.map(messageSize);
  const size = sizes.reduce((sum, each) => sum + embedded(each), embedded(utf8Size(topic)));
  const writer = new Writer(Buffer.allocUnsafe(size));
  writer.text(TOPIC, topic);
  for (const [index, message] of messages.entries()) {
    writer.begin(MESSAGES, sizes[index] ?? 0);
    writeMessage(writer, message);
  }
  return writer.bytes;
}

function messageSize({ data, attributes, orderingKey }: OutgoingMessage): number {
  let size = data.byteLength === 0 ? 0 : embedded(data.byteLength);
  for (const key in attributes) size += embedded(entrySize(key, attributes[key] ?? ''));
  return orderingKey === '' ? size : size + embedded(utf8Size(orderingKey));
}

function entrySize(key: string, value: string): number {
  return embedded(utf8Size(key)) + embedded(utf8Size(value));
}

function writeMessage(writer: Writer, { data, attributes, orderingKey }: OutgoingMessage): void {
  if (data.byteLength > 0) writer.data(DATA, data);
  for (const key in attributes) {
    const value = attributes[key] ?? '';
    writer.begin(ATTRIBUTES, entrySize(key, value));
    writer.text(KEY, key);
    writer.text(VALUE, value);
  }
  if (orderingKey !== '') writer.text(ORDERING_KEY, orderingKey);
}

/** A field with its tag and its length. */
function embedded(length: number): number {
  let size = 2 + length;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) size += 1;
  return size;
}

function utf8Size(text: string): number {
  if (text.length > SHORT) return Buffer.byteLength(text);
  for (let index = 0; index < text.length; index += 1)
    if (text.charCodeAt(index) > 0x7f) return Buffer.byteLength(text);
  return text.length;
}

/** Writes fields one behind the other, into a buffer that has room for them. */
class Writer {
  readonly bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Tag and length of a field whose content is written next. */
  begin(tag: number, length: number): void {
    this.bytes[this.#position++] = tag;
    let rest = length;
    for (; rest > 0x7f; rest >>>= 7) this.bytes[this.#position++] = (rest & 0x7f) | 0x80;
    this.bytes[this.#position++] = rest;
  }

  data(tag: number, data: Uint8Array): void {
    this.begin(tag, data.byteLength);
    this.bytes.set(data, this.#position);
    this.#position += data.byteLength;
  }

  text(tag: number, text: string): void {
    const size = utf8Size(text);
    this.begin(tag, size);
    if (size === text.length && size <= SHORT) {
      for (let index = 0; index < size; index += 1) this.bytes[this.#position++] = text.charCodeAt(index);
    } else this.#position += this.bytes.write(text, this.#position, size === text.length ? 'latin1' : 'utf8');
  }
}
