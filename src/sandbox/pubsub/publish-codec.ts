import { Reader } from './wire.ts';

/** The quotas of a publish request (https://cloud.google.com/pubsub/quotas#resource_limits). */
const MAX_REQUEST_BYTES = 10_000_000;
const MAX_MESSAGES = 1000;
const MAX_ATTRIBUTES = 100;
const MAX_ATTRIBUTE_KEY_BYTES = 256;
const MAX_ATTRIBUTE_VALUE_BYTES = 1024;
const MAX_ORDERING_KEY_BYTES = 1024;

/** The messages of a publish request, each still encoded within `bytes[start, end)`. */
export interface PublishRequest {
  readonly topic: string;
  readonly bytes: Buffer;
  readonly messages: readonly EncodedMessage[];
  /** What the real service would refuse it for; undefined if nothing. */
  readonly violation: string | undefined;
}

interface EncodedMessage {
  readonly start: number;
  readonly end: number;
  readonly orderingKey: string;
}

/**
 * Reads a PublishRequest, checks its limits, and leaves the messages encoded where they are: each keeps the whole
 * request in memory until it is acknowledged. (grpc-js hands over a copy, never a piece of a larger network buffer.)
 */
export function decodePublishRequest(bytes: Buffer): PublishRequest {
  const reader = new Reader(bytes);
  const messages: EncodedMessage[] = [];
  let topic = '';
  let orderingKey: string | undefined;
  let violation: string | undefined;
  while (reader.at < reader.end) {
    const tag = reader.varint();
    if (tag === 0x0a) topic = reader.string();
    else if (tag === 0x12) {
      const scanned = scanMessage(reader, reader.limit());
      messages.push(scanned);
      violation ??= scanned.violation;
      orderingKey ??= scanned.orderingKey;
      if (scanned.orderingKey !== orderingKey)
        violation ??= 'The messages of a publish request have different ordering keys.';
    } else reader.skip(tag);
  }
  if (bytes.length > MAX_REQUEST_BYTES)
    violation = `Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`;
  else if (messages.length > MAX_MESSAGES)
    violation = `The value for message_count is too large. You passed ${messages.length} in the request, but the maximum value is ${MAX_MESSAGES}.`;
  else if (messages.length === 0)
    violation = 'The value for message_count is too small: at least one message is needed.';
  return { topic, bytes, messages, violation };
}

interface ScannedMessage extends EncodedMessage {
  readonly violation: string | undefined;
}

function scanMessage(reader: Reader, end: number): ScannedMessage {
  const start = reader.at;
  let dataBytes = 0;
  let attributes = 0;
  let orderingKey = '';
  let violation: string | undefined;
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag === 0x0a) {
      const limit = reader.limit();
      dataBytes = limit - reader.at;
      reader.at = limit;
    } else if (tag === 0x12) {
      attributes += 1;
      violation ??= scanAttribute(reader, reader.limit());
    } else if (tag === 0x2a) {
      const limit = reader.limit();
      if (limit - reader.at > MAX_ORDERING_KEY_BYTES)
        violation ??= `The ordering key is longer than ${MAX_ORDERING_KEY_BYTES} bytes.`;
      orderingKey = reader.bytes.toString('utf8', reader.at, limit);
      reader.at = limit;
    } else reader.skip(tag);
  }
  if (reader.at !== end) throw new RangeError('a message is cut off');
  if (dataBytes === 0 && attributes === 0)
    violation ??=
      'One or more messages in the publish request is empty. Each message must contain either non-empty data, or at least one attribute.';
  if (attributes > MAX_ATTRIBUTES) violation ??= `A message has ${attributes} attributes, more than ${MAX_ATTRIBUTES}.`;
  return { start, end, orderingKey, violation };
}

function scanAttribute(reader: Reader, end: number): string | undefined {
  let keyBytes = 0;
  let valueBytes = 0;
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag !== 0x0a && tag !== 0x12) {
      reader.skip(tag);
      continue;
    }
    const limit = reader.limit();
    if (tag === 0x0a) keyBytes = limit - reader.at;
    else valueBytes = limit - reader.at;
    reader.at = limit;
  }
  if (keyBytes > MAX_ATTRIBUTE_KEY_BYTES) return `An attribute key is longer than ${MAX_ATTRIBUTE_KEY_BYTES} bytes.`;
  if (valueBytes > MAX_ATTRIBUTE_VALUE_BYTES)
    return `An attribute value is longer than ${MAX_ATTRIBUTE_VALUE_BYTES} bytes.`;
  return undefined;
}
