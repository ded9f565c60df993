import { hash } from 'node:crypto';
import * as v from 'valibot';
import { flag, setting } from '../config/schemas.ts';
import type { Message } from '../core/message.ts';
import { idAndPayload } from './envelope/envelope.ts';

/** Settings of a message's identity. */
export const identitySchema = v.strictObject({
  publishTime: setting(
    v.optional(flag, false),
    'Adds the publish time to the identity of a message, besides id, topic and payload: for upstreams ' +
      'without unique ids. A message redelivered by MQTT then has another identity. See ' +
      '[guarantees](guarantees.md#what-makes-two-messages-the-same).',
  ),
});

export type IdentityConfig = v.InferOutput<typeof identitySchema>;

/** Returns a string that two messages share only if they are the same. */
export type IdentityOf = (message: Message) => string;

/**
 * Compiles the identity of messages: id and payload as an envelope encodes them, and the attribute `mqtt_topic`
 * prefixed with its length. Other attributes and the time of receipt are excluded, so a redelivered message keeps its
 * identity.
 */
export function identityBy({ publishTime: byTime }: IdentityConfig): IdentityOf {
  return (message) => {
    const topic = message.attributes.mqtt_topic ?? '';
    const time = byTime ? message.publishTime : '';
    return `\n${topic.length} ${idAndPayload(message)}${topic}${time}`;
  };
}

/** Returns the insertId of a message's row: 43 characters, where BigQuery allows 128. */
export function insertIdOf(identity: string): string {
  return hash('sha256', identity, 'base64url');
}

/** Hashes the contents of an object, its batch key and its messages in any order, to hexadecimal digits. */
export function contentHashOf(batchKey: string, identities: readonly string[]): string {
  // Hashed in one call: a call per message takes longer than the hashing.
  return hash('sha256', batchKey + identities.toSorted().join(''), 'hex');
}
