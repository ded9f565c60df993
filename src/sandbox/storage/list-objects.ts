import type { Call } from './call.ts';
import { type Entry, pageOf } from './page.ts';
import { flag } from './parameters.ts';
import { shownObject } from './shown.ts';
import type { Bucket, StoredObject } from './storage-state.ts';

/**
 * Lists objects in the order of their names' bytes: those that begin with `prefix`, from `startOffset` to before
 * `endOffset`. `versions=true` includes noncurrent versions, oldest first. `delimiter` folds names that contain it
 * after `prefix` into `prefixes`, which count towards the page like objects.
 */
export function listObjects({ state, query, bucket: name, origin }: Call): Response {
  const bucket = state.bucket(name);
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const isBetween = betweenOf(query.get('startOffset'), query.get('endOffset'));
  const entries: Entry<StoredObject | string>[] = [];
  const folded = new Set<string>();
  for (const object of versionsOf(bucket, flag(query, 'versions'))) {
    const { name, generation } = object.resource;
    if (!name.startsWith(prefix) || !isBetween(name)) continue;
    const end = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    if (end < 0) entries.push({ name, generation, value: object });
    else folded.add(name.slice(0, end + delimiter.length));
  }
  for (const name of folded) entries.push({ name, value: name });
  const { values, nextPageToken } = pageOf(entries, query);
  const items = values.filter((value) => typeof value !== 'string').map((value) => shownObject(bucket, value, origin));
  const prefixes = values.filter((value) => typeof value === 'string');
  return Response.json({ kind: 'storage#objects', items, prefixes, nextPageToken });
}

/** Compares the bytes of UTF-8, the order of the list. */
function betweenOf(start: string | null, end: string | null): (name: string) => boolean {
  if (!start && !end) return () => true;
  const from = Buffer.from(start ?? '');
  const to = end ? Buffer.from(end) : undefined;
  return (name) => {
    const bytes = Buffer.from(name);
    return Buffer.compare(bytes, from) >= 0 && (to === undefined || Buffer.compare(bytes, to) < 0);
  };
}

function* versionsOf({ live, noncurrent }: Bucket, all: boolean): Iterable<StoredObject> {
  yield* live.values();
  if (all) for (const versions of noncurrent.values()) yield* versions;
}
