/** Of a hash: 128 bits tell the objects of any archive apart. */
const NAME_DIGITS = 32;

/**
 * The name of a group's object: `<prefix>/<batchKey>/<hash>.jsonl.gz`, made of the hash of its content. The same messages
 * make the same name, so that an upload that is tried again finds its own object.
 *
 * @param suffix tells an object from another of the same content.
 */
export function objectName(prefix: string, batchKey: string, contentHash: string, suffix = ''): string {
  const folders = [...prefix.split('/').filter((part) => part !== ''), batchKey];
  return [...folders, `${contentHash.slice(0, NAME_DIGITS)}${suffix}.jsonl.gz`].join('/');
}
