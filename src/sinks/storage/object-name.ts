import { createHash } from 'node:crypto';

/**
 * The name of a group's object: `<prefix>/<batchKey>/<hash>.jsonl.gz`, the hash made of the key and the sorted message
 * ids. The same messages make the same name, so that an upload that is tried again finds its own object.
 */
export function objectName(prefix: string, batchKey: string, ids: readonly string[]): string {
  const hash = createHash('sha256').update(batchKey);
  for (const id of ids.toSorted()) hash.update('\0').update(id);
  const parts = [
    ...prefix.split('/').filter((part) => part !== ''),
    batchKey,
    `${hash.digest('hex').slice(0, 32)}.jsonl.gz`,
  ];
  return parts.join('/');
}
