import { decideBucketFields } from './bucket-fields.ts';
import { bucketName } from './bucket-name.ts';
import type { Call } from './call.ts';
import { isJsonObject, parseJsonObject } from './json-object.ts';
import { refuseAcls } from './object-fields.ts';
import { pageOf } from './page.ts';
import { flag, requiredParameter } from './parameters.ts';
import { checkPreconditions, createResource, updateResource } from './resource.ts';
import { shownBucket } from './shown.ts';
import { badRequest, required, StorageError } from './storage-error.ts';

export async function insertBucket({ state, request, query, origin, require }: Call): Promise<Response> {
  const project = requiredParameter(query, 'project');
  const { name: given, ...body } = parseJsonObject(await request.text());
  if (typeof given !== 'string') throw required('name');
  const name = bucketName(given);
  if (state.buckets.has(name)) throw new StorageError(409, 'conflict', `You already own the bucket '${name}'.`);
  const settings = decideBucketFields(name, body, {}, state.clock.now());
  refuseAcls(settings, query, body);
  const retains = flag(query, 'enableObjectRetention');
  if (retains) require('storage.buckets.enableObjectRetention');
  const fields = { ...settings, ...(retains ? { objectRetention: { mode: 'Enabled' } } : {}) };
  const bucket = {
    resource: createResource(name, fields, state.clock),
    project,
    live: new Map(),
    noncurrent: new Map(),
  };
  state.buckets.set(name, bucket);
  return Response.json(shownBucket(bucket, origin));
}

export function listBuckets({ state, query, origin }: Call): Response {
  const project = requiredParameter(query, 'project');
  const prefix = query.get('prefix') ?? '';
  const entries = [...state.buckets]
    .filter(([name, bucket]) => bucket.project === project && name.startsWith(prefix))
    .map(([name, value]) => ({ name, value }));
  const { values, nextPageToken } = pageOf(entries, query);
  const items = values.map((bucket) => shownBucket(bucket, origin));
  return Response.json({ kind: 'storage#buckets', items, nextPageToken });
}

export function getBucket(call: Call): Response {
  const bucket = call.state.bucket(call.bucket);
  checkPreconditions(call, bucket.resource, true);
  return Response.json(shownBucket(bucket, call.origin));
}

export async function patchBucket(call: Call): Promise<Response> {
  const { state, request, query, origin } = call;
  const patch = parseJsonObject(await request.text());
  const bucket = state.bucket(call.bucket);
  const { resource } = bucket;
  checkPreconditions(call, resource);
  refuseAcls(resource, query, patch);
  const fields = decideBucketFields(resource.name, patch, resource, state.clock.now());
  bucket.resource = updateResource(resource, fields, state.clock);
  return Response.json(shownBucket(bucket, origin));
}

export function deleteBucket(call: Call): Response {
  const { resource, live, noncurrent } = call.state.bucket(call.bucket);
  checkPreconditions(call, resource);
  if (live.size > 0 || noncurrent.size > 0) {
    throw new StorageError(409, 'conflict', 'The bucket you tried to delete is not empty.');
  }
  call.state.buckets.delete(call.bucket);
  return new Response(null, { status: 204 });
}

/**
 * Locks a retention policy permanently. https://cloud.google.com/storage/docs/json_api/v1/buckets/lockRetentionPolicy
 */
export function lockRetentionPolicy(call: Call): Response {
  const { state, query, origin } = call;
  requiredParameter(query, 'ifMetagenerationMatch');
  const bucket = state.bucket(call.bucket);
  checkPreconditions(call, bucket.resource);
  const { retentionPolicy } = bucket.resource;
  if (!isJsonObject(retentionPolicy)) throw badRequest('Cannot lock a bucket that does not have a retention policy.');
  const locked = { retentionPolicy: { ...retentionPolicy, isLocked: true } };
  bucket.resource = updateResource(bucket.resource, locked, state.clock);
  return Response.json(shownBucket(bucket, origin));
}

/** https://docs.cloud.google.com/storage/docs/json_api/v1/buckets/testIamPermissions */
export function testBucketPermissions({ state, bucket, query, permissions }: Call): Response {
  state.bucket(bucket);
  const asked = query.getAll('permissions');
  if (asked.length === 0) throw required('permissions');
  const held = permissions.held(asked);
  const kind = 'storage#testIamPermissionsResponse';
  return Response.json(held.length === 0 ? { kind } : { kind, permissions: held });
}
