import { createHash } from 'node:crypto';
import { crc32c } from './crc32c.ts';
import { isJsonObject, type JsonObject } from './json-object.ts';
import type { Versions } from './preconditions.ts';
import { invalid } from './storage-error.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

/** One version of an object. Immutable: a patch and an overwrite put another one in its place. */
export interface StoredObject extends Versions {
  readonly name: string;
  readonly content: Bytes;
  readonly crc32c: string;
  /** Base64; composed objects have none. */
  readonly md5Hash: string | undefined;
  readonly componentCount: number | undefined;
  readonly timeCreated: string;
  readonly updated: string;
  /** What the caller set: contentType, contentEncoding, metadata, … */
  readonly fields: JsonObject;
}

const SETTABLE = [
  'cacheControl',
  'contentDisposition',
  'contentEncoding',
  'contentLanguage',
  'contentType',
  'customTime',
  'eventBasedHold',
  'metadata',
  'storageClass',
  'temporaryHold',
];

/** The fields of an object resource that a caller sets; what else is in `body` the service decides, or ignores. */
export function settableFields(body: JsonObject): JsonObject {
  const { metadata } = body;
  if (isJsonObject(metadata)) {
    const odd = Object.entries(metadata).find(([, value]) => typeof value !== 'string' && value !== null);
    if (odd) throw invalid(`Invalid value for metadata key '${odd[0]}': a string is needed`);
  }
  return Object.fromEntries(SETTABLE.flatMap((key) => (key in body ? [[key, body[key]]] : [])));
}

/**
 * Throws 400 unless the hashes that came with an upload are those of its content. They come as `crc32c` and `md5Hash`
 * of the resource, or as the header `x-goog-hash: crc32c=…,md5=…`.
 */
export function checkHashes(content: Uint8Array, body: JsonObject, header: string | null): void {
  const given = new Map<string, unknown>(Object.entries(body));
  for (const part of header?.split(',') ?? []) {
    const [kind, ...sum] = part.trim().split('=');
    if (kind === 'crc32c') given.set('crc32c', sum.join('='));
    if (kind === 'md5') given.set('md5Hash', sum.join('='));
  }
  const wantedCrc32c = given.get('crc32c');
  const actualCrc32c = crc32c(content);
  if (typeof wantedCrc32c === 'string' && wantedCrc32c !== actualCrc32c) {
    throw invalid(`Provided CRC32C "${wantedCrc32c}" doesn't match calculated CRC32C "${actualCrc32c}".`);
  }
  const wantedMd5 = given.get('md5Hash');
  const actualMd5 = md5(content);
  if (typeof wantedMd5 === 'string' && wantedMd5 !== actualMd5) {
    throw invalid(`Provided MD5 hash "${wantedMd5}" doesn't match calculated MD5 hash "${actualMd5}".`);
  }
}

export const md5 = (content: Uint8Array) => createHash('md5').update(content).digest('base64');

/** An entity tag that changes with every version, quoted by nobody: opaque. */
export const etag = (versions: Versions) =>
  Buffer.from(`${versions.generation}/${versions.metageneration}`).toString('base64');

/** The object as the JSON API shows it; `origin` is the address that the caller used. */
export function objectResource(bucket: string, object: StoredObject, origin: string): JsonObject {
  const path = `b/${bucket}/o/${encodeURIComponent(object.name)}`;
  return {
    kind: 'storage#object',
    id: `${bucket}/${object.name}/${object.generation}`,
    selfLink: `${origin}/storage/v1/${path}`,
    mediaLink: `${origin}/download/storage/v1/${path}?generation=${object.generation}&alt=media`,
    name: object.name,
    bucket,
    generation: String(object.generation),
    metageneration: String(object.metageneration),
    ...object.fields,
    size: String(object.content.byteLength),
    ...(object.md5Hash === undefined ? {} : { md5Hash: object.md5Hash }),
    ...(object.componentCount === undefined ? {} : { componentCount: object.componentCount }),
    crc32c: object.crc32c,
    etag: etag(object),
    timeCreated: object.timeCreated,
    updated: object.updated,
    timeStorageClassUpdated: object.timeCreated,
    timeFinalized: object.timeCreated,
  };
}
