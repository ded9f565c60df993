import * as v from 'valibot';
import { isUniform } from './bucket-fields.ts';
import { isJsonObject, type JsonObject, mergePatch, readFields } from './json-object.ts';
import type { Resource } from './resource.ts';
import { storageClass } from './storage-class.ts';
import { badRequest, invalid, notImplemented } from './storage-error.ts';
import { timestamp } from './timestamp.ts';

const MAX_METADATA_BYTES = 8 * 1024;

/** A value that becomes a header of a download. */
const header = v.pipe(v.string(), v.regex(/^[^\p{Cc}]*$/u, 'must not have control characters'));

const metadataSchema = v.pipe(
  v.record(v.string(), v.pipe(v.union([v.string(), v.number(), v.boolean()]), v.transform(String))),
  v.check((metadata) => sizeOf(metadata) <= MAX_METADATA_BYTES, `custom metadata is over ${MAX_METADATA_BYTES} bytes`),
);

/** Fields of an object that a caller may set and change. Others are dropped, as by the service. */
const objectSchema = v.object({
  contentType: v.optional(header),
  contentEncoding: v.optional(header),
  contentDisposition: v.optional(header),
  contentLanguage: v.optional(header),
  cacheControl: v.optional(header),
  storageClass: v.optional(storageClass),
  metadata: v.optional(metadataSchema),
  customTime: v.optional(timestamp),
  temporaryHold: v.optional(v.boolean()),
  eventBasedHold: v.optional(v.boolean()),
});

const FIELDS = Object.keys(objectSchema.entries);

function sizeOf(metadata: Readonly<Record<string, string>>): number {
  let size = 0;
  for (const [key, value] of Object.entries(metadata)) size += Buffer.byteLength(key) + Buffer.byteLength(value);
  return size;
}

function refuseUnsupported(body: JsonObject): void {
  for (const name of ['contexts', 'kmsKeyName']) {
    if (body[name] !== undefined && body[name] !== null) throw notImplemented(`the object field ${name}`);
  }
}

/** Throws if a call sets ACLs, which the bucket or the sandbox refuses. */
export function refuseAcls(bucket: JsonObject, query: URLSearchParams, body: JsonObject): void {
  const given = ['predefinedAcl', 'predefinedDefaultObjectAcl'].find((name) => query.has(name));
  if (given === undefined && body.acl === undefined && body.defaultObjectAcl === undefined) return;
  if (isUniform(bucket)) {
    throw badRequest(
      'Cannot insert legacy ACL for an object when uniform bucket-level access is enabled. Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access',
    );
  }
  throw notImplemented('ACLs');
}

/** Returns the fields of a new object, and the hashes that its content must have. */
export function readObjectFields(body: JsonObject): JsonObject {
  refuseUnsupported(body);
  return readFields(newObjectSchema, mergePatch({}, body));
}

const hash = v.pipe(v.string(), v.base64());

const newObjectSchema = v.object({ ...objectSchema.entries, crc32c: v.optional(hash), md5Hash: v.optional(hash) });

/** Returns the fields of an object after a patch. A custom time can be neither removed nor decreased. */
export function patchObjectFields(current: Resource, patch: JsonObject): JsonObject {
  refuseUnsupported(patch);
  const fields = readFields(objectSchema, mergePatch(current, patch));
  if (fields.storageClass !== current.storageClass) {
    throw invalid('The storage class of an object is changed by rewriting it.');
  }
  if (typeof current.customTime === 'string') {
    const isEarlier = Date.parse(fields.customTime ?? '') < Date.parse(current.customTime);
    if (fields.customTime === undefined || isEarlier) {
      throw invalid('Custom time cannot be removed or set to an earlier time.');
    }
  }
  const removed = Object.fromEntries(FIELDS.map((name) => [name, undefined]));
  return { ...removed, ...fields };
}

export const hasObjectRetention = ({ objectRetention }: JsonObject): boolean =>
  isJsonObject(objectRetention) && objectRetention.mode === 'Enabled';
