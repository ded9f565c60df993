import { composeObject } from './compose-object.ts';
import { download } from './download.ts';
import { parseJsonObject } from './json-object.ts';
import { listObjects } from './list-objects.ts';
import type { Call, Operation } from './operation.ts';
import { checkPreconditions } from './preconditions.ts';
import { objectResource, settableFields } from './stored-object.ts';

function getObject({ state, request, query, origin, bucket, object: name }: Call): Response {
  const object = state.object(bucket, name, query.get('generation'));
  checkPreconditions(query, object, { reading: true });
  if (query.get('alt') === 'media') return download(request, object);
  return Response.json(objectResource(bucket, object, origin));
}

/** Copies in one step; a body with any metadata in it replaces all of the source's. */
async function rewriteObject({ state, request, query, origin, bucket, object, parameter }: Call): Promise<Response> {
  const body = settableFields(parseJsonObject(await request.text()));
  const source = state.object(bucket, object, query.get('sourceGeneration'));
  checkPreconditions(query, source, { source: true });
  const target = parameter('targetBucket');
  const fields = Object.keys(body).length > 0 ? body : source.fields;
  const copy = state.putObject(target, parameter('targetObject'), { content: source.content, fields }, query);
  return Response.json({
    kind: 'storage#rewriteResponse',
    totalBytesRewritten: String(copy.content.byteLength),
    objectSize: String(copy.content.byteLength),
    done: true,
    resource: objectResource(target, copy, origin),
  });
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects, but for `insert`: see upload-operations.ts. */
export const objectOperations: Operation[] = [
  { name: 'storage.objects.list', method: 'GET', path: '/b/:bucket/o', handle: listObjects },
  { name: 'storage.objects.get', method: 'GET', path: '/b/:bucket/o/:object', handle: getObject },
  {
    name: 'storage.objects.patch',
    method: 'PATCH',
    path: '/b/:bucket/o/:object',
    async handle({ state, request, query, origin, bucket, object: name }) {
      const patch = settableFields(parseJsonObject(await request.text()));
      const object = state.object(bucket, name, query.get('generation'));
      checkPreconditions(query, object);
      return Response.json(objectResource(bucket, state.patchObject(bucket, object, patch), origin));
    },
  },
  {
    name: 'storage.objects.delete',
    method: 'DELETE',
    path: '/b/:bucket/o/:object',
    handle({ state, query, bucket, object: name }) {
      checkPreconditions(query, state.object(bucket, name, query.get('generation')));
      state.bucket(bucket).objects.delete(name);
      return new Response(null, { status: 204 });
    },
  },
  {
    name: 'storage.objects.rewrite',
    method: 'POST',
    path: '/b/:bucket/o/:object/rewriteTo/b/:targetBucket/o/:targetObject',
    handle: rewriteObject,
  },
  { name: 'storage.objects.compose', method: 'POST', path: '/b/:bucket/o/:object/compose', handle: composeObject },
];
