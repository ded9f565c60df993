import type { Call } from './call.ts';
import { parseJsonObject } from './json-object.ts';
import { checkPreconditions, createResource, pageOf, patchResource } from './resource.ts';
import { invalid, StorageError } from './storage-error.ts';

/** Not all of https://cloud.google.com/storage/docs/buckets#naming, but what is easily got wrong. */
const BUCKET_NAME = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/;

export async function insertBucket({ state, request }: Call): Promise<Response> {
  const { name, location = 'US', ...fields } = parseJsonObject(await request.text());
  if (typeof name !== 'string' || !BUCKET_NAME.test(name)) throw invalid(`Invalid bucket name: '${name}'`);
  if (state.buckets.has(name)) throw new StorageError(409, 'conflict', `You already own the bucket '${name}'.`);
  const settings = { storageClass: 'STANDARD', location: String(location).toUpperCase(), ...fields };
  const resource = createResource(name, { ...settings, kind: 'storage#bucket', id: name });
  state.buckets.set(name, { resource, objects: new Map() });
  return Response.json(resource);
}

export function listBuckets({ state, query }: Call): Response {
  const { names, nextPageToken } = pageOf(state.buckets.keys(), query);
  const items = names.map((name) => state.bucket(name).resource);
  return Response.json({ kind: 'storage#buckets', items, nextPageToken });
}

export function getBucket({ state, query, bucket: name }: Call): Response {
  const { resource } = state.bucket(name);
  checkPreconditions(query, resource, true);
  return Response.json(resource);
}

export async function patchBucket({ state, request, query, bucket: name }: Call): Promise<Response> {
  const patch = parseJsonObject(await request.text());
  return patchResource(state.bucket(name), query, patch);
}

export function deleteBucket({ state, query, bucket: name }: Call): Response {
  const { resource, objects } = state.bucket(name);
  checkPreconditions(query, resource);
  if (objects.size > 0) throw new StorageError(409, 'conflict', 'The bucket you tried to delete is not empty.');
  state.buckets.delete(name);
  return new Response(null, { status: 204 });
}
