/** Digits of a hash: 128 bits distinguish the objects of any archive. */
const NAME_DIGITS = 32;

/**
 * Returns the name of a group's object, derived from the hash of its content: `<prefix>/<batchKey>/<hash>.jsonl.gz`.
 * The same messages give the same name, so a retried upload finds its own object.
 *
 * @param suffix distinguishes an object from another with the same content.
 */
export function objectName(prefix: string, batchKey: string, contentHash: string, suffix = ''): string {
  const folders = [...prefix.split('/').filter((part) => part !== ''), batchKey];
  return [...folders, `${contentHash.slice(0, NAME_DIGITS)}${suffix}.jsonl.gz`].join('/');
}
