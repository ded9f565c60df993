import { createHash } from 'node:crypto';
import { isVersioned } from './bucket-fields.ts';
import type { Clock } from './clock.ts';
import { crc32c } from './crc32c.ts';
import { type CustomerKey, checkEnforcement } from './encryption.ts';
import { isJsonObject, type JsonObject } from './json-object.ts';
import { hasObjectRetention, refuseAcls } from './object-fields.ts';
import type { Require } from './permissions.ts';
import { checkPreconditions, createResource, type Resource } from './resource.ts';
import { checkHolds, checkRetention, decideRetention } from './retention.ts';
import { bucketNotFound, invalid, notFound } from './storage-error.ts';

export interface Bucket {
  resource: Resource;
  readonly project: string;
  /** The live version of each object. */
  readonly live: Map<string, StoredObject>;
  /** Noncurrent versions by name, oldest first. */
  readonly noncurrent: Map<string, StoredObject[]>;
}

export interface StoredObject {
  resource: Resource;
  /** Start of the bucket's retention period for it, in milliseconds since 1970. */
  retainedFrom: number;
  readonly content: Buffer<ArrayBuffer>;
}

/** Metadata of an upload. */
export interface Upload {
  readonly bucket: string;
  readonly name: string;
  /** Query and headers of the call that started the upload, for its preconditions. */
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly require: Require;
  /** The caller's object resource, with the hashes that the content must have. */
  readonly body: JsonObject;
  readonly fields: JsonObject;
  readonly customerKey: CustomerKey | undefined;
}

/** A resumable upload, kept until the server closes, so that a status query after the end finds the object. */
export interface UploadSession {
  readonly upload: Upload;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** The size announced by the caller, if any. */
  total: number | undefined;
  content: Buffer<ArrayBuffer>;
  stored?: StoredObject;
  isCancelled?: boolean;
}

/** Everything that a server stores, in memory, unbounded. */
export class StorageState {
  readonly clock: Clock;
  readonly buckets = new Map<string, Bucket>();
  readonly sessions = new Map<string, UploadSession>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  bucket(name: string): Bucket {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) throw bucketNotFound();
    return bucket;
  }

  /** Returns the live version, or the version of a generation; 404 if there is none. */
  object(bucketName: string, name: string, generation?: string | null): StoredObject {
    const { live, noncurrent } = this.bucket(bucketName);
    const current = live.get(name);
    const versions = generation ? [current, ...(noncurrent.get(name) ?? [])] : [current];
    const object = versions.find((version) => version && (!generation || version.resource.generation === generation));
    if (object === undefined) throw notFound(`No such object: ${bucketName}/${name}`);
    return object;
  }

  /** Stores a version if all checks pass. Atomic, because it runs in one turn of the event loop. */
  putObject(upload: Upload, content: Buffer<ArrayBuffer>): StoredObject {
    const { name, query, fields, customerKey } = upload;
    const bucket = this.bucket(upload.bucket);
    const replaced = bucket.live.get(name);
    checkPreconditions(upload, replaced?.resource);
    if (replaced !== undefined) {
      upload.require('storage.objects.delete');
      this.#checkRemoval(bucket, replaced, isVersioned(bucket.resource));
    }
    refuseAcls(bucket.resource, query, upload.body);
    checkEnforcement(bucket.resource, customerKey);
    const hashes = { crc32c: crc32c(content), md5Hash: createHash('md5').update(content).digest('base64') };
    checkHashes(fields, hashes);
    const settings = this.#settingsOf(bucket, upload);
    const decided = { bucket: upload.bucket, size: String(content.byteLength), ...hashes };
    const resource = createResource(name, { ...settings, ...decided, customerEncryption: customerKey }, this.clock);
    const object = { resource, retainedFrom: this.clock.now(), content };
    if (replaced !== undefined) this.#retire(bucket, replaced);
    bucket.live.set(name, object);
    return object;
  }

  /** Returns the fields of a new object, including those from its bucket. */
  #settingsOf({ resource: bucket }: Bucket, { fields, body, require }: Upload): JsonObject {
    const hold = fields.eventBasedHold ?? (bucket.defaultEventBasedHold === true ? true : undefined);
    const isEnabled = hasObjectRetention(bucket);
    const retention = decideRetention(body.retention ?? undefined, undefined, {
      now: this.clock.now(),
      isEnabled,
      override: false,
    });
    if (retention !== undefined) {
      require('storage.objects.setRetention');
      if (hold === true) throw invalid('An object cannot have a retention and an event-based hold.');
    }
    return { storageClass: bucket.storageClass, ...fields, eventBasedHold: hold, retention };
  }

  /**
   * Removes a version. In a bucket with versioning, the live one becomes noncurrent unless the call names its
   * generation.
   */
  removeObject(bucketName: string, name: string, generation: string | null): void {
    const bucket = this.bucket(bucketName);
    const object = this.object(bucketName, name, generation);
    const isKept = !generation && isVersioned(bucket.resource);
    this.#checkRemoval(bucket, object, isKept);
    if (bucket.live.get(name) === object) bucket.live.delete(name);
    if (isKept) {
      this.#retire(bucket, object);
      return;
    }
    const rest = (bucket.noncurrent.get(name) ?? []).filter((version) => version !== object);
    if (rest.length > 0) bucket.noncurrent.set(name, rest);
    else bucket.noncurrent.delete(name);
  }

  #checkRemoval({ resource }: Bucket, object: StoredObject, isKept: boolean): void {
    checkHolds(object, resource);
    if (!isKept) checkRetention(object, resource, this.clock.now());
  }

  #retire({ resource, noncurrent }: Bucket, object: StoredObject): void {
    if (!isVersioned(resource)) return;
    const { name } = object.resource;
    object.resource = { ...object.resource, timeDeleted: this.clock.timestamp() };
    const versions = noncurrent.get(name);
    if (versions === undefined) noncurrent.set(name, [object]);
    else versions.push(object);
  }
}

function checkHashes(given: JsonObject, { crc32c, md5Hash }: { crc32c: string; md5Hash: string }): void {
  for (const [kind, expected, actual] of [
    ['CRC32C', given.crc32c, crc32c],
    ['MD5 hash', given.md5Hash, md5Hash],
  ]) {
    if (expected === undefined || expected === actual) continue;
    throw invalid(`Provided ${kind} "${expected}" doesn't match calculated ${kind} "${actual}".`);
  }
}

/** Returns whether callers of a bucket must name a project that pays. */
export const isRequesterPays = ({ resource: { billing } }: Bucket): boolean =>
  isJsonObject(billing) && billing.requesterPays === true;
