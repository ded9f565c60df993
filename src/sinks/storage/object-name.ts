import { createHash } from 'node:crypto';
import { payloadBase64 } from '../../core/enveloped-message.ts';
import type { Message } from '../../core/message.ts';

/**
 * The name of a group's object: `<prefix>/<batchKey>/<hash>.jsonl.gz`, the hash made of the key and, in the order of
 * their ids, of the messages' ids and payloads. The same messages make the same name, so that an upload that is tried
 * again finds its own object; a device that uses an id twice does not find another's.
 */
export function objectName(prefix: string, batchKey: string, messages: readonly Message[]): string {
  const sorted = messages.toSorted((one, other) => (one.id < other.id ? -1 : one.id > other.id ? 1 : 0));
  const contents = sorted.map((message) => {
    const payload = payloadBase64(message);
    return `\n${message.id.length} ${payload.length} ${message.id}${payload}`;
  });
  // In one piece: a call for each message takes longer than to hash it.
  const hash = createHash('sha256')
    .update(batchKey + contents.join(''))
    .digest('hex');
  return [...prefix.split('/').filter((part) => part !== ''), batchKey, `${hash.slice(0, 32)}.jsonl.gz`].join('/');
}
