import { isJsonObject, type JsonObject } from './json-object.ts';
import { etagOf } from './resource.ts';
import { retentionExpiration } from './retention.ts';
import type { Bucket, StoredObject } from './storage-state.ts';

/** Formats a bucket for the JSON API. https://cloud.google.com/storage/docs/json_api/v1/buckets#resource */
export function shownBucket({ resource, project }: Bucket, origin: string): JsonObject {
  return {
    kind: 'storage#bucket',
    id: resource.name,
    selfLink: `${origin}/storage/v1/b/${resource.name}`,
    projectNumber: projectNumberOf(project),
    ...resource,
    etag: etagOf(resource),
  };
}

/** Formats an object for the JSON API; without its encryption key, omits its hashes. */
export function shownObject(bucket: Bucket, object: StoredObject, origin: string, isKeyGiven = false): JsonObject {
  const { resource } = object;
  const { name, generation, timeCreated } = resource;
  const path = `storage/v1/b/${bucket.resource.name}/o/${encodeURIComponent(name)}`;
  const expiration = retentionExpiration(object, bucket.resource);
  const hidden =
    isJsonObject(resource.customerEncryption) && !isKeyGiven ? { crc32c: undefined, md5Hash: undefined } : {};
  return {
    kind: 'storage#object',
    id: `${bucket.resource.name}/${name}/${generation}`,
    selfLink: `${origin}/${path}`,
    mediaLink: `${origin}/download/${path}?generation=${generation}&alt=media`,
    ...resource,
    ...hidden,
    timeStorageClassUpdated: timeCreated,
    ...(expiration === undefined ? {} : { retentionExpirationTime: new Date(expiration).toISOString() }),
    etag: etagOf(resource),
  };
}

/** Returns a constant number for each project. */
function projectNumberOf(project: string): string {
  if (/^\d+$/.test(project)) return project;
  let hash = 0;
  for (const byte of Buffer.from(project)) hash = (hash * 31 + byte) % 900_000_000_000;
  return String(100_000_000_000 + hash);
}
