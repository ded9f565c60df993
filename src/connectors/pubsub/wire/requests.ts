import type { Attributes } from '../../../core/message.ts';
import { areWithinLimits, type OutgoingMessage } from '../limits.ts';
import { EncodedAttributes, ProtobufWriter } from './protobuf.ts';

/** Tags of google/pubsub/v1/pubsub.proto: field number and wire type 2 (length-delimited). */
const TOPIC = (1 << 3) | 2;
const MESSAGES = (2 << 3) | 2;
const DATA = (1 << 3) | 2;
const ATTRIBUTES = (2 << 3) | 2;
const KEY = (1 << 3) | 2;
const VALUE = (2 << 3) | 2;
const ORDERING_KEY = (5 << 3) | 2;

const writer = new ProtobufWriter();

/**
 * Encodes a `google.pubsub.v1.PublishRequest` in one pass. The generated client would first copy each message into a
 * protobuf class and collect its fields in a list of small objects.
 *
 * @param topic full name: `projects/p/topics/t`.
 */
export function publishRequest(topic: string, messages: readonly OutgoingMessage[]): Buffer {
  writer.clear();
  writer.text(TOPIC, topic);
  for (const message of messages) writeMessage(message);
  return writer.take();
}

/**
 * Encodes attributes that many messages share. Returns attributes that Pub/Sub refuses as they are, so that
 * `checkLimits` refuses each message with them.
 */
export function encodeAttributes(attributes: Attributes): Attributes | EncodedAttributes {
  if (!areWithinLimits(attributes)) return attributes;
  writer.clear();
  writeAttributes(attributes);
  const bytes = writer.take();
  return new EncodedAttributes(bytes, 0, bytes.length, true);
}

function writeMessage({ data, attributes, orderingKey }: OutgoingMessage): void {
  const message = writer.open(MESSAGES);
  if (data.byteLength > 0) writer.data(DATA, data);
  if (attributes instanceof EncodedAttributes) writer.copy(attributes);
  else writeAttributes(attributes);
  if (orderingKey !== '') writer.text(ORDERING_KEY, orderingKey);
  writer.end(message);
}

function writeAttributes(attributes: Attributes): void {
  for (const key in attributes) {
    const entry = writer.open(ATTRIBUTES);
    writer.text(KEY, key);
    writer.text(VALUE, attributes[key] ?? '');
    writer.end(entry);
  }
}

/** Tags of google/pubsub/v1/pubsub.proto: field number and wire type 2 (length-delimited). */
const SUBSCRIPTION = (1 << 3) | 2;
const ACK_IDS = (2 << 3) | 2;

/**
 * Encodes a `google.pubsub.v1.AcknowledgeRequest` in one pass, since its cost applies to each message.
 *
 * @param subscription full name: `projects/p/subscriptions/s`.
 */
export function encodeAcknowledgeRequest(subscription: string, ackIds: readonly string[]): Buffer {
  writer.clear();
  writer.text(SUBSCRIPTION, subscription);
  for (const ackId of ackIds) writer.text(ACK_IDS, ackId);
  return writer.take();
}
