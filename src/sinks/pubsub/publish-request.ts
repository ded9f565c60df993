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
 * A message as the field of a `google.pubsub.v1.PublishRequest` that it becomes: encoded while it is at hand, since a
 * request is nothing but its topic and such fields, in whatever company. The generated client would copy each message
 * into a class of protobuf when the request leaves, and collect its fields in a list of small objects.
 */
export function encodeMessage(message: OutgoingMessage): Buffer {
  const { data, attributes, orderingKey } = message;
  const size = messageSize(message);
  const writer = new ProtobufWriter(Buffer.allocUnsafe(embedded(size)));
  writer.begin(MESSAGES, size);
  if (data.byteLength > 0) writer.data(DATA, data);
  for (const key in attributes) {
    const value = attributes[key] ?? '';
    writer.begin(ATTRIBUTES, entrySize(key, value));
    writer.text(KEY, key);
    writer.text(VALUE, value);
  }
  if (orderingKey !== '') writer.text(ORDERING_KEY, orderingKey);
  return writer.bytes;
}

/**
 * A request of messages that `encodeMessage` has encoded.
 *
 * @param topic full name: `projects/p/topics/t`.
 */
export function publishRequest(topic: string, messages: readonly Buffer[]): Buffer {
  const writer = new ProtobufWriter(Buffer.allocUnsafe(embedded(utf8Size(topic))));
  writer.text(TOPIC, topic);
  return Buffer.concat([writer.bytes, ...messages]);
}

function messageSize({ data, attributes, orderingKey }: OutgoingMessage): number {
  let size = data.byteLength === 0 ? 0 : embedded(data.byteLength);
  for (const key in attributes) size += embedded(entrySize(key, attributes[key] ?? ''));
  return orderingKey === '' ? size : size + embedded(utf8Size(orderingKey));
}

function entrySize(key: string, value: string): number {
  return embedded(utf8Size(key)) + embedded(utf8Size(value));
}
