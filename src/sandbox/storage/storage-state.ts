import { crc32c } from './crc32c.ts';
import { type JsonObject, mergePatch } from './json-object.ts';
import { checkBucketName, checkObjectName } from './names.ts';
import { checkPreconditions, type Versions } from './preconditions.ts';
import { bucketNotFound, conflict, objectNotFound } from './storage-error.ts';
import { type Bytes, etag, md5, type StoredObject } from './stored-object.ts';

/** One bucket: its settings, and the live version of each of its objects (there is no history of versions). */
export interface Bucket extends Versions {
  readonly name: string;
  readonly timeCreated: string;
  readonly updated: string;
  readonly fields: JsonObject;
  readonly objects: Map<string, StoredObject>;
}

const MULTI_REGIONS = ['US', 'EU', 'ASIA'];
const OUTPUT_ONLY = ['kind', 'id', 'selfLink', 'name', 'etag', 'projectNumber', 'timeCreated', 'updated'];

const settable = (fields: JsonObject) =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => !OUTPUT_ONLY.includes(key)));

/** Everything that a server holds, in memory, without a bound: as much as the caller uploads. */
export class StorageState {
  readonly #buckets = new Map<string, Bucket>();
  #lastGeneration = 0;

  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw bucketNotFound();
    return bucket;
  }

  buckets(): Bucket[] {
    return [...this.#buckets.values()];
  }

  createBucket(name: string, { location, ...fields }: JsonObject): Bucket {
    checkBucketName(name);
    if (this.#buckets.has(name)) {
      throw conflict('Your previous request to create the named bucket succeeded and you already own it.');
    }
    const now = new Date().toISOString();
    const place = typeof location === 'string' ? location.toUpperCase() : 'US';
    const locationType = MULTI_REGIONS.includes(place) ? 'multi-region' : 'region';
    const defaults = { storageClass: 'STANDARD', location: place, locationType };
    const bucket: Bucket = {
      name,
      generation: this.#nextGeneration(),
      metageneration: 1,
      timeCreated: now,
      updated: now,
      fields: mergePatch(defaults, settable(fields)),
      objects: new Map(),
    };
    this.#buckets.set(name, bucket);
    return bucket;
  }

  patchBucket(bucket: Bucket, { location: _, locationType: __, ...patch }: JsonObject): Bucket {
    const patched: Bucket = {
      ...bucket,
      metageneration: bucket.metageneration + 1,
      updated: new Date().toISOString(),
      fields: mergePatch(bucket.fields, settable(patch)),
    };
    this.#buckets.set(bucket.name, patched);
    return patched;
  }

  deleteBucket(bucket: Bucket): void {
    if (bucket.objects.size > 0) throw conflict('The bucket you tried to delete is not empty.');
    this.#buckets.delete(bucket.name);
  }

  /** The live version, or 404; so is any other generation than the live one. */
  object(bucket: string, name: string, generation: string | null = null): StoredObject {
    const object = this.bucket(bucket).objects.get(name);
    if (object === undefined || (generation !== null && generation !== String(object.generation))) {
      throw objectNotFound(bucket, name);
    }
    return object;
  }

  /** Stores a new version, if the preconditions in `query` hold. Within one turn of the event loop: atomic. */
  putObject(
    bucket: string,
    name: string,
    { content, fields, componentCount }: { content: Bytes; fields: JsonObject; componentCount?: number },
    query: URLSearchParams,
  ): StoredObject {
    checkObjectName(name);
    const { objects, fields: bucketFields } = this.bucket(bucket);
    checkPreconditions(query, objects.get(name));
    const now = new Date().toISOString();
    const object: StoredObject = {
      name,
      content,
      crc32c: crc32c(content),
      md5Hash: componentCount === undefined ? md5(content) : undefined,
      componentCount,
      generation: this.#nextGeneration(),
      metageneration: 1,
      timeCreated: now,
      updated: now,
      fields: mergePatch({ storageClass: bucketFields.storageClass }, fields),
    };
    objects.set(name, object);
    return object;
  }

  patchObject(bucket: string, object: StoredObject, patch: JsonObject): StoredObject {
    const patched: StoredObject = {
      ...object,
      metageneration: object.metageneration + 1,
      updated: new Date().toISOString(),
      fields: mergePatch(object.fields, patch),
    };
    this.bucket(bucket).objects.set(object.name, patched);
    return patched;
  }

  /** Microseconds since 1970, as the real generations are, and always growing. */
  #nextGeneration(): number {
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, Date.now() * 1000);
    return this.#lastGeneration;
  }
}

/** The bucket as the JSON API shows it. */
export function bucketResource(bucket: Bucket, origin: string): JsonObject {
  return {
    kind: 'storage#bucket',
    id: bucket.name,
    selfLink: `${origin}/storage/v1/b/${bucket.name}`,
    projectNumber: '0',
    name: bucket.name,
    ...bucket.fields,
    generation: String(bucket.generation),
    metageneration: String(bucket.metageneration),
    etag: etag(bucket),
    timeCreated: bucket.timeCreated,
    updated: bucket.updated,
  };
}
