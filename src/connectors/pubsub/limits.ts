import { PoisonError } from '../../core/errors.ts';
import type { Attributes } from '../../core/message.ts';
import { EncodedAttributes, type WritableBytes } from './wire/protobuf.ts';

/** Pub/Sub's limits per message and request, https://docs.cloud.google.com/pubsub/quotas#resource_limits */
export const PUBSUB_LIMITS = {
  requestBytes: 10_000_000,
  messagesPerRequest: 1_000,
  attributes: 100,
  attributeKeyBytes: 256,
  attributeValueBytes: 1_024,
  orderingKeyBytes: 1_024,
} as const;

/** Bytes of a message in a request beyond its data and attributes: tags, lengths, a share of the topic name. */
const OVERHEAD_BYTES = 64;

export interface OutgoingMessage {
  readonly data: Uint8Array | WritableBytes;
  /** Encoded if they came from Pub/Sub unchanged, or if many messages share them. */
  readonly attributes: Attributes | EncodedAttributes;
  readonly orderingKey: string;
}

/** Returns the bytes that a message adds to a request. */
export function requestBytes(message: OutgoingMessage): number {
  const { data, attributes, orderingKey } = message;
  const bytes = OVERHEAD_BYTES + data.byteLength + orderingKey.length * 3;
  if (attributes instanceof EncodedAttributes) return bytes + attributes.byteLength;
  let more = 0;
  for (const key in attributes) more += 8 + (key.length + (attributes[key] ?? '').length) * 3;
  return bytes + more;
}

/**
 * Throws a PoisonError if Pub/Sub would refuse the message: one refused message fails its whole request. Encoded
 * attributes from Pub/Sub are within its limits, except those that `withoutReserved` removes.
 *
 * @returns the bytes that the message adds to a request.
 */
export function checkLimits(message: OutgoingMessage): number {
  const { data, attributes, orderingKey } = message;
  const bytes = requestBytes(message);
  if (bytes > PUBSUB_LIMITS.requestBytes) {
    const exact = OVERHEAD_BYTES + data.byteLength;
    throw new PoisonError('too_large', `${exact} bytes exceed Pub/Sub's 10 MB`);
  }
  const hasAttributes =
    attributes instanceof EncodedAttributes ? attributes.byteLength > 0 : checkAttributes(attributes);
  if (data.byteLength === 0 && !hasAttributes) {
    throw new PoisonError('rejected', 'Pub/Sub refuses a message without data and attributes');
  }
  if (!fits(orderingKey, PUBSUB_LIMITS.orderingKeyBytes)) {
    throw tooLong('the ordering key', orderingKey, PUBSUB_LIMITS.orderingKeyBytes);
  }
  return bytes;
}

/** Returns whether Pub/Sub accepts messages with these attributes. */
export function areWithinLimits(attributes: Attributes): boolean {
  try {
    checkAttributes(attributes);
    return true;
  } catch {
    return false;
  }
}

/** @returns whether there are any. */
function checkAttributes(attributes: Attributes): boolean {
  let count = 0;
  for (const name in attributes) {
    count += 1;
    checkAttribute(name, attributes[name] ?? '');
  }
  if (count > PUBSUB_LIMITS.attributes) {
    throw new PoisonError('rejected', `${count} attributes; Pub/Sub accepts at most ${PUBSUB_LIMITS.attributes}`);
  }
  return count > 0;
}

function checkAttribute(name: string, value: string): void {
  if (!fits(name, PUBSUB_LIMITS.attributeKeyBytes)) {
    throw tooLong(`the attribute name "${name.slice(0, 40)}"`, name, PUBSUB_LIMITS.attributeKeyBytes);
  }
  if (!fits(value, PUBSUB_LIMITS.attributeValueBytes)) {
    throw tooLong(`the attribute "${name}"`, value, PUBSUB_LIMITS.attributeValueBytes);
  }
  if (name === '') throw new PoisonError('rejected', 'an attribute without a name');
  if (isReserved(name)) {
    throw new PoisonError('rejected', `the attribute name "${name}" is reserved: it begins with "goog"`);
  }
}

function fits(text: string, maxBytes: number): boolean {
  return text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes;
}

function tooLong(what: string, text: string, maxBytes: number): PoisonError {
  return new PoisonError(
    'rejected',
    `${what} has ${Buffer.byteLength(text)} bytes; Pub/Sub accepts at most ${maxBytes}`,
  );
}

/** Prefix that Pub/Sub reserves, in any case. */
const RESERVED_PREFIX = 'goog';

/** Reserved names that Pub/Sub accepts: the official clients publish them to propagate traces. */
const OF_CLIENTS: ReadonlySet<string> = new Set([
  'googclient_traceparent',
  'googclient_tracestate',
  'googclient_OpenTelemetrySpanContext',
]);

/** Returns whether Pub/Sub refuses a message with this attribute name. */
export function isReserved(name: string): boolean {
  return (
    name.length >= RESERVED_PREFIX.length &&
    name.slice(0, RESERVED_PREFIX.length).toLowerCase() === RESERVED_PREFIX &&
    !OF_CLIENTS.has(name)
  );
}

/**
 * Removes the attributes that Pub/Sub reserves, such as `googclient_schemaencoding`, which it adds to messages of a
 * topic with a schema. Returns the same object if there are none.
 */
export function withoutReserved<T extends Attributes | EncodedAttributes>(attributes: T): T | Attributes {
  if (attributes instanceof EncodedAttributes) {
    if (attributes.isAccepted || !attributes.mayHaveNameBeginning(RESERVED_PREFIX)) return attributes;
    const decoded = attributes.decode();
    const carried = filtered(decoded);
    return carried === decoded ? attributes : carried;
  }
  return filtered(attributes);
}

function filtered(attributes: Attributes): Attributes {
  for (const name in attributes) {
    if (isReserved(name)) return Object.fromEntries(Object.entries(attributes).filter(([each]) => !isReserved(each)));
  }
  return attributes;
}
