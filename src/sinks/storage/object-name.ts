import { createHash } from 'node:crypto';
import type { Message } from '../../core/message.ts';

/**
 * The name of a group's object: `<prefix>/<batchKey>/<hash>.jsonl.gz`, the hash made of the key and, in the order of
 * their ids, of the messages' ids and payloads. The same messages make the same name, so that an upload that is tried
 * again finds its own object; a device that uses an id twice does not find another's.
 */
export function objectName(
  prefix: string,
  batchKey: string,
  messages: readonly Pick<Message, 'id' | 'payload'>[],
): string {
  const hash = createHash('sha256').update(batchKey);
  const sorted = messages.toSorted((one, other) => (one.id < other.id ? -1 : one.id > other.id ? 1 : 0));
  for (const { id, payload } of sorted) hash.update(`\n${id.length} ${payload.byteLength} ${id}`).update(payload);
  const name = `${hash.digest('hex').slice(0, 32)}.jsonl.gz`;
  return [...prefix.split('/').filter((part) => part !== ''), batchKey, name].join('/');
}
