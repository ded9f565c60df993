import { parseJsonObject } from './json-object.ts';
import type { Operation } from './operation.ts';
import { page, pageSize } from './page.ts';
import { checkPreconditions } from './preconditions.ts';
import { required } from './storage-error.ts';
import { bucketResource } from './storage-state.ts';

/** https://cloud.google.com/storage/docs/json_api/v1/buckets */
export const bucketOperations: Operation[] = [
  {
    name: 'storage.buckets.insert',
    method: 'POST',
    path: '/b',
    async handle({ state, request, query, origin }) {
      if (!query.get('project')) throw required('project');
      const { name, ...fields } = parseJsonObject(await request.text());
      if (typeof name !== 'string') throw required('name');
      return Response.json(bucketResource(state.createBucket(name, fields), origin));
    },
  },
  {
    name: 'storage.buckets.list',
    method: 'GET',
    path: '/b',
    handle({ state, query, origin }) {
      if (!query.get('project')) throw required('project');
      const prefix = query.get('prefix') ?? '';
      const names = state
        .buckets()
        .map(({ name }) => name)
        .filter((name) => name.startsWith(prefix));
      const { keys, nextPageToken } = page(names, query.get('pageToken'), pageSize(query));
      const items = keys.map((name) => bucketResource(state.bucket(name), origin));
      return Response.json({ kind: 'storage#buckets', items, nextPageToken });
    },
  },
  {
    name: 'storage.buckets.get',
    method: 'GET',
    path: '/b/:bucket',
    handle({ state, query, origin, bucket: name }) {
      const bucket = state.bucket(name);
      checkPreconditions(query, bucket, { reading: true });
      return Response.json(bucketResource(bucket, origin));
    },
  },
  {
    name: 'storage.buckets.patch',
    method: 'PATCH',
    path: '/b/:bucket',
    async handle({ state, request, query, origin, bucket: name }) {
      const patch = parseJsonObject(await request.text());
      const bucket = state.bucket(name);
      checkPreconditions(query, bucket);
      return Response.json(bucketResource(state.patchBucket(bucket, patch), origin));
    },
  },
  {
    name: 'storage.buckets.delete',
    method: 'DELETE',
    path: '/b/:bucket',
    handle({ state, query, bucket: name }) {
      const bucket = state.bucket(name);
      checkPreconditions(query, bucket);
      state.deleteBucket(bucket);
      return new Response(null, { status: 204 });
    },
  },
];
