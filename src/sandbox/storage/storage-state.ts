import { createHash } from 'node:crypto';
import { crc32c } from './crc32c.ts';
import type { JsonObject } from './json-object.ts';
import { checkPreconditions, createResource, type Resource } from './resource.ts';
import { invalid, notFound } from './storage-error.ts';

/** A bucket, and the live version of each of its objects (there is no history of versions). */
export interface Bucket {
  resource: Resource;
  readonly objects: Map<string, StoredObject>;
}

export interface StoredObject {
  resource: Resource;
  readonly content: Buffer<ArrayBuffer>;
}

/** What a caller says of an object that it uploads. */
export interface Upload {
  readonly bucket: string;
  readonly name: string;
  /** The query of the call, for its preconditions. */
  readonly query: URLSearchParams;
  /** The object resource that the caller gave, with the hashes that the content must have. */
  readonly fields: JsonObject;
}

/** A resumable upload, kept until the server closes, so that a status query after the end finds the object. */
export interface UploadSession {
  readonly upload: Upload;
  content: Buffer<ArrayBuffer>;
  stored?: StoredObject;
}

/** Everything that a server holds, in memory, without a bound: as much as the caller uploads. */
export class StorageState {
  readonly buckets = new Map<string, Bucket>();
  readonly sessions = new Map<string, UploadSession>();

  bucket(name: string): Bucket {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) throw notFound('The specified bucket does not exist.');
    return bucket;
  }

  /** The live version, or 404; so is any other generation than the live one. */
  object(bucket: string, name: string, generation?: string | null): StoredObject {
    const object = this.bucket(bucket).objects.get(name);
    if (object === undefined || (generation && generation !== object.resource.generation)) {
      throw notFound(`No such object: ${bucket}/${name}`);
    }
    return object;
  }

  /** Stores a version, if the preconditions hold and the hashes are right. In one turn of the event loop: atomic. */
  putObject({ bucket, name, query, fields }: Upload, content: Buffer<ArrayBuffer>): StoredObject {
    const { objects } = this.bucket(bucket);
    checkPreconditions(query, objects.get(name)?.resource);
    const hashes = { crc32c: crc32c(content), md5Hash: createHash('md5').update(content).digest('base64') };
    for (const [kind, actual] of Object.entries(hashes)) {
      const given = fields[kind] ?? actual;
      if (given !== actual) throw invalid(`Provided ${kind} "${given}" doesn't match calculated ${kind} "${actual}".`);
    }
    const decided = { kind: 'storage#object', bucket, size: String(content.byteLength), ...hashes };
    const object = { resource: createResource(name, { storageClass: 'STANDARD', ...fields, ...decided }), content };
    objects.set(name, object);
    return object;
  }
}
