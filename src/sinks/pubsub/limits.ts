import { PoisonError } from '../../core/errors.ts';
import type { Attributes } from '../../core/message.ts';

/** Pub/Sub's limits for a message and a request, https://docs.cloud.google.com/pubsub/quotas#resource_limits */
export const PUBSUB_LIMITS = {
  requestBytes: 10_000_000,
  messagesPerRequest: 1_000,
  attributes: 100,
  attributeKeyBytes: 256,
  attributeValueBytes: 1_024,
  orderingKeyBytes: 1_024,
} as const;

/** What a message weighs in a request beyond its data and attributes: tags, lengths, the topic's share. */
const OVERHEAD_BYTES = 64;

/** A message as the generated client takes it. */
export interface OutgoingMessage {
  readonly data: Uint8Array;
  readonly attributes: Attributes;
  readonly orderingKey: string;
}

/** Bytes that a message takes of a request. */
export function requestBytes(message: OutgoingMessage): number {
  let bytes = OVERHEAD_BYTES + message.data.byteLength + message.orderingKey.length * 3;
  for (const key in message.attributes) bytes += 8 + (key.length + (message.attributes[key] ?? '').length) * 3;
  return bytes;
}

/**
 * Throws a PoisonError if Pub/Sub would refuse the message: one refused message fails the whole request, so it must
 * not get into one.
 */
export function checkLimits(message: OutgoingMessage): void {
  const names = Object.keys(message.attributes);
  if (requestBytes(message) > PUBSUB_LIMITS.requestBytes) {
    const exact = OVERHEAD_BYTES + message.data.byteLength;
    throw new PoisonError('too_large', `${exact} bytes do not fit into Pub/Sub's 10 MB`);
  }
  if (message.data.byteLength === 0 && names.length === 0) {
    throw new PoisonError('rejected', 'Pub/Sub takes no message without data and attributes');
  }
  if (names.length > PUBSUB_LIMITS.attributes) {
    throw new PoisonError('rejected', `${names.length} attributes; Pub/Sub takes at most ${PUBSUB_LIMITS.attributes}`);
  }
  for (const name of names) {
    checkBytes(`the attribute name "${name.slice(0, 40)}"`, name, PUBSUB_LIMITS.attributeKeyBytes);
    checkBytes(`the attribute "${name}"`, message.attributes[name] ?? '', PUBSUB_LIMITS.attributeValueBytes);
    if (name === '') throw new PoisonError('rejected', 'an attribute without a name');
    if (name.startsWith('goog')) {
      throw new PoisonError('rejected', `the attribute name "${name}" is reserved: it begins with "goog"`);
    }
  }
  checkBytes('the ordering key', message.orderingKey, PUBSUB_LIMITS.orderingKeyBytes);
}

function checkBytes(what: string, value: string, limit: number): void {
  if (value.length * 3 <= limit) return;
  const size = Buffer.byteLength(value);
  if (size > limit) throw new PoisonError('rejected', `${what} has ${size} bytes; Pub/Sub takes at most ${limit}`);
}
