import { gunzipSync } from 'node:zlib';
import { etagOf } from './resource.ts';
import { StorageError } from './storage-error.ts';
import type { StoredObject } from './storage-state.ts';

/**
 * Answers with the content, or the part that `Range` requests. Content with the encoding gzip is decompressed for a
 * caller that does not accept gzip, and a range is then ignored. https://cloud.google.com/storage/docs/transcoding
 */
export function download(request: Request, object: StoredObject): Response {
  const headers = headersOf(object);
  const { contentEncoding } = object.resource;
  const plain = isTranscoded(request, object) ? decompressed(object.content) : undefined;
  if (plain !== undefined) {
    headers.set('warning', '214 UploadServer gunzipped');
    // A stream has no content length; the service omits it as well.
    return new Response(new Blob([plain]).stream(), { headers });
  }
  if (contentEncoding !== undefined) headers.set('content-encoding', headerOf(contentEncoding));
  return partOf(object.content, request.headers.get('range'), headers);
}

function headersOf({ resource, content }: StoredObject): Headers {
  const { crc32c, md5Hash, generation, metageneration, storageClass, contentType, contentEncoding } = resource;
  const { contentDisposition, contentLanguage } = resource;
  const headers = new Headers({
    'content-type': headerOf(contentType ?? 'application/octet-stream'),
    etag: etagOf(resource),
    'last-modified': new Date(String(resource.timeCreated)).toUTCString(),
    'cache-control': headerOf(resource.cacheControl ?? 'no-cache, no-store, max-age=0, must-revalidate'),
    'x-goog-generation': generation,
    'x-goog-metageneration': metageneration,
    'x-goog-hash': `crc32c=${crc32c},md5=${md5Hash}`,
    'x-goog-storage-class': String(storageClass),
    'x-goog-stored-content-encoding': headerOf(contentEncoding ?? 'identity'),
    'x-goog-stored-content-length': String(content.byteLength),
  });
  if (contentDisposition !== undefined) headers.set('content-disposition', headerOf(contentDisposition));
  if (contentLanguage !== undefined) headers.set('content-language', headerOf(contentLanguage));
  return headers;
}

/** Returns a value as the bytes of its UTF-8, as sent over the wire. */
const headerOf = (value: unknown): string => Buffer.from(String(value)).toString('latin1');

function isTranscoded({ headers }: Request, { resource }: StoredObject): boolean {
  if (resource.contentEncoding !== 'gzip' || /\bno-transform\b/i.test(String(resource.cacheControl))) return false;
  return !/(?:^|,)\s*gzip\s*(?:,|$|;(?!\s*q=0(?:\.0+)?\s*(?:,|$)))/i.test(headers.get('accept-encoding') ?? '');
}

/** Decompresses gzip; undefined for other content, which is served as stored. */
function decompressed(content: Buffer): Buffer<ArrayBuffer> | undefined {
  try {
    return gunzipSync(content);
  } catch {
    return undefined;
  }
}

function partOf(content: Buffer<ArrayBuffer>, range: string | null, headers: Headers): Response {
  const size = content.byteLength;
  const [given, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  headers.set('accept-ranges', 'bytes');
  if (given === undefined || (!from && !to)) {
    // Set here, because the response to a HEAD has no content.
    headers.set('content-length', String(size));
    return new Response(content, { headers });
  }
  const first = from ? Number(from) : Math.max(0, size - Number(to));
  const end = from && to ? Math.min(Number(to) + 1, size) : size;
  if (first >= end) throw new StorageError(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable');
  headers.set('content-range', `bytes ${first}-${end - 1}/${size}`);
  headers.set('content-length', String(end - first));
  return new Response(content.subarray(first, end), { status: 206, headers });
}
