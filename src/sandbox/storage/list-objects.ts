import { byUtf8 } from './names.ts';
import type { Call } from './operation.ts';
import { page, pageSize } from './page.ts';
import { notImplemented } from './storage-error.ts';
import { objectResource } from './stored-object.ts';

/** Parameters that would change the result, and are refused rather than ignored. */
const REFUSED = ['matchGlob', 'softDeleted', 'filter'];

/**
 * Answers `storage.objects.list`: objects in the order of their names' bytes; with `delimiter`, those that have it
 * behind `prefix` are folded into `prefixes`, which count towards the page like objects.
 * https://cloud.google.com/storage/docs/json_api/v1/objects/list
 */
export function listObjects({ state, query, origin, bucket }: Call): Response {
  for (const parameter of REFUSED) if (query.has(parameter)) throw notImplemented(`the list parameter ${parameter}`);
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const from = query.get('startOffset') ?? '';
  const until = query.get('endOffset') ?? '';
  const { objects } = state.bucket(bucket);
  const keys = new Set<string>();
  for (const name of objects.keys()) {
    if (!name.startsWith(prefix) || byUtf8(name, from) < 0 || (until !== '' && byUtf8(name, until) >= 0)) continue;
    const end = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    keys.add(end < 0 ? name : name.slice(0, end + delimiter.length));
  }
  const folded = (key: string) => delimiter !== '' && key.indexOf(delimiter, prefix.length) >= 0;
  const withFolders = query.get('includeTrailingDelimiter') === 'true';
  const { keys: shown, ...rest } = page(keys, query.get('pageToken'), pageSize(query));
  const prefixes = shown.filter(folded);
  const items = shown
    .filter((key) => !folded(key) || withFolders)
    .flatMap((key) => objects.get(key) ?? [])
    .map((object) => objectResource(bucket, object, origin));
  return Response.json({
    kind: 'storage#objects',
    ...rest,
    ...(items.length > 0 ? { items } : {}),
    ...(prefixes.length > 0 ? { prefixes } : {}),
  });
}
