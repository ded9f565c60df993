import type { Call } from './call.ts';
import { parseJsonObject } from './json-object.ts';
import { checkPreconditions, pageOf, patchResource } from './resource.ts';
import { notImplemented, StorageError } from './storage-error.ts';
import type { StoredObject } from './storage-state.ts';

/** Parameters that would change the result of a list: refused rather than ignored. */
const REFUSED = ['startOffset', 'endOffset', 'matchGlob', 'versions', 'softDeleted', 'filter'];

/**
 * Lists objects in the order of their names' bytes; with `delimiter`, those that have it behind `prefix` are folded
 * into `prefixes`, which count towards the page like objects.
 */
export function listObjects({ state, query, bucket }: Call): Response {
  for (const parameter of REFUSED) if (query.has(parameter)) throw notImplemented(`the list parameter ${parameter}`);
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const found = new Set<string>();
  const folded = new Set<string>();
  for (const name of state.bucket(bucket).objects.keys()) {
    const end = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    if (end < 0) found.add(name);
    else folded.add(name.slice(0, end + delimiter.length));
  }
  const { names, nextPageToken } = pageOf([...found, ...folded], query);
  const items = names.filter((name) => found.has(name)).map((name) => state.object(bucket, name).resource);
  const prefixes = names.filter((name) => folded.has(name));
  return Response.json({ kind: 'storage#objects', items, prefixes, nextPageToken });
}

export function getObject({ state, request, query, bucket, object: name }: Call): Response {
  const object = state.object(bucket, name, query.get('generation'));
  checkPreconditions(query, object.resource, true);
  return query.get('alt') === 'media' ? download(request, object) : Response.json(object.resource);
}

/** Answers as the object is stored (gzip stays gzip), all of it or the part that `Range` asks for. */
function download(request: Request, { content, resource }: StoredObject): Response {
  const { contentType, contentEncoding, crc32c, md5Hash } = resource;
  const size = content.byteLength;
  const headers = new Headers({
    'content-type': String(contentType ?? 'application/octet-stream'),
    'x-goog-hash': `crc32c=${crc32c},md5=${md5Hash}`,
    'x-goog-stored-content-encoding': String(contentEncoding ?? 'identity'),
  });
  if (contentEncoding !== undefined) headers.set('content-encoding', String(contentEncoding));
  const [range, from, to] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get('range') ?? '') ?? [];
  if (range === undefined) return new Response(content, { headers });
  const first = from ? Number(from) : Math.max(0, size - Number(to));
  const end = from && to ? Math.min(Number(to) + 1, size) : size;
  if (first >= end) throw new StorageError(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable');
  headers.set('content-range', `bytes ${first}-${end - 1}/${size}`);
  return new Response(content.subarray(first, end), { status: 206, headers });
}

export async function patchObject({ state, request, query, bucket, object: name }: Call): Promise<Response> {
  const patch = parseJsonObject(await request.text());
  return patchResource(state.object(bucket, name, query.get('generation')), query, patch);
}

export function deleteObject({ state, query, bucket, object: name }: Call): Response {
  checkPreconditions(query, state.object(bucket, name, query.get('generation')).resource);
  state.bucket(bucket).objects.delete(name);
  return new Response(null, { status: 204 });
}
