import { gunzipSync } from 'node:zlib';
import { StorageError } from './storage-error.ts';
import { type Bytes, etag, type StoredObject } from './stored-object.ts';

/** The first and the last byte that a `Range: bytes=…` header asks for; undefined for none, or one to be ignored. */
function parseRange(header: string | null, size: number): { first: number; last: number } | undefined {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (first >= size) throw new StorageError(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable');
  return last < first ? undefined : { first, last };
}

function headersOf(object: StoredObject): Headers {
  const { fields } = object;
  const text = (key: string) => {
    const value = fields[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const hashes = [`crc32c=${object.crc32c}`, ...(object.md5Hash === undefined ? [] : [`md5=${object.md5Hash}`])];
  const headers = new Headers({
    'content-type': text('contentType') ?? 'application/octet-stream',
    etag: etag(object),
    'last-modified': new Date(object.updated).toUTCString(),
    'x-goog-generation': String(object.generation),
    'x-goog-metageneration': String(object.metageneration),
    'x-goog-hash': hashes.join(','),
    'x-goog-storage-class': text('storageClass') ?? 'STANDARD',
    'x-goog-stored-content-encoding': text('contentEncoding') ?? 'identity',
    'x-goog-stored-content-length': String(object.content.byteLength),
  });
  for (const [header, key] of [
    ['cache-control', 'cacheControl'],
    ['content-disposition', 'contentDisposition'],
    ['content-encoding', 'contentEncoding'],
    ['content-language', 'contentLanguage'],
  ] as const) {
    const value = text(key);
    if (value !== undefined) headers.set(header, value);
  }
  return headers;
}

function gunzip(content: Bytes): Bytes {
  try {
    return new Uint8Array(gunzipSync(content));
  } catch (cause) {
    const error = new StorageError(503, 'backendError', 'The object says gzip, but its content is not gzip.');
    error.cause = cause;
    throw error;
  }
}

/**
 * Answers a download. An object with `contentEncoding: gzip` is decompressed on the way, in full and whatever Range was
 * asked for, unless the caller sends `Accept-Encoding: gzip` or the object says `no-transform`.
 * https://cloud.google.com/storage/docs/transcoding
 */
export function download(request: Request, object: StoredObject): Response {
  const headers = headersOf(object);
  const asStored =
    object.fields.contentEncoding !== 'gzip' ||
    /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '') ||
    /\bno-transform\b/.test(headers.get('cache-control') ?? '');
  if (!asStored) {
    headers.delete('content-encoding');
    headers.set('warning', '214 UploadServer gunzipped');
    return new Response(gunzip(object.content), { headers });
  }
  headers.set('accept-ranges', 'bytes');
  const size = object.content.byteLength;
  const range = parseRange(request.headers.get('range'), size);
  if (range === undefined) return new Response(object.content, { headers });
  headers.set('content-range', `bytes ${range.first}-${range.last}/${size}`);
  return new Response(object.content.subarray(range.first, range.last + 1), { status: 206, headers });
}
