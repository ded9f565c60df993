import type { Call } from './call.ts';
import { customerKeyOf } from './encryption.ts';
import type { JsonObject } from './json-object.ts';
import { readObjectFields } from './object-fields.ts';
import { checkNameIsUtf8, objectName } from './object-name.ts';
import { invalidParameter } from './storage-error.ts';
import type { Upload } from './storage-state.ts';

/** Reads the object described by a call. A field in both the query and the body must match. */
export function uploadOf(call: Call, body: JsonObject, contentType: string | null): Upload {
  const { request, query, bucket, require } = call;
  checkNameIsUtf8(request.url);
  const name = objectName(fromEither('name', query, body));
  const contentEncoding = fromEither('contentEncoding', query, body);
  const fields = readObjectFields({ contentType, ...body, contentEncoding, ...hashesIn(request) });
  return { bucket, name, query, headers: request.headers, require, body, fields, customerKey: customerKeyOf(request) };
}

function fromEither(name: string, query: URLSearchParams, body: JsonObject): unknown {
  const given = query.get(name);
  const inBody = body[name] ?? undefined;
  if (given !== null && inBody !== undefined && inBody !== given) throw invalidParameter(name, given);
  return given ?? inBody;
}

/** Returns the hashes in the header `x-goog-hash: crc32c=…,md5=…`, by their names in an object resource. */
export function hashesIn({ headers }: Request): JsonObject {
  const hashes = headers.get('x-goog-hash')?.matchAll(/(crc32c|md5)=([^,\s]+)/g) ?? [];
  return Object.fromEntries(Array.from(hashes, ([, kind, hash]) => [kind === 'md5' ? 'md5Hash' : 'crc32c', hash]));
}
