import { embedded, ProtobufWriter, utf8Size } from '../../clients/protobuf-writer.ts';
import type { OutgoingMessage } from './limits.ts';

/** Tags of google/pubsub/v1/pubsub.proto: a field's number, and that its length is next. */
const TOPIC = (1 << 3) | 2;
const MESSAGES = (2 << 3) | 2;
const DATA = (1 << 3) | 2;
const ATTRIBUTES = (2 << 3) | 2;
const KEY = (1 << 3) | 2;
const VALUE = (2 << 3) | 2;
const ORDERING_KEY = (5 << 3) | 2;

/**
 * Encodes a `google.pubsub.v1.PublishRequest` in one piece. The generated client would copy each message into a class of
 * protobuf first, and collect its fields in a list of small objects.
 *
 * @param topic full name: `projects/p/topics/t`.
 */
export function encodePublishRequest(topic: string, messages: readonly OutgoingMessage[]): Buffer {
  const sizes = messages.map(messageSize);
  const size = sizes.reduce((sum, each) => sum + embedded(each), embedded(utf8Size(topic)));
  const writer = new ProtobufWriter(Buffer.allocUnsafe(size));
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

function writeMessage(writer: ProtobufWriter, { data, attributes, orderingKey }: OutgoingMessage): void {
  if (data.byteLength > 0) writer.data(DATA, data);
  for (const key in attributes) {
    const value = attributes[key] ?? '';
    writer.begin(ATTRIBUTES, entrySize(key, value));
    writer.text(KEY, key);
    writer.text(VALUE, value);
  }
  if (orderingKey !== '') writer.text(ORDERING_KEY, orderingKey);
}
