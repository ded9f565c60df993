import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { Faults, InjectedError, LostResponse } from '../faults/faults.ts';
import { loseResponse, withRetryAfter } from '../faults/http-faults.ts';
import { serveHttp } from '../http-server.ts';
import type { SandboxServer } from '../server.ts';
import { deleteBucket, getBucket, insertBucket, listBuckets, patchBucket } from './buckets.ts';
import type { Call } from './call.ts';
import { deleteObject, getObject, listObjects, patchObject } from './objects.ts';
import { notImplemented, StorageError } from './storage-error.ts';
import { StorageState } from './storage-state.ts';
import { continueUpload, insertObject } from './uploads.ts';

/** One method of the JSON API: its name in Google's reference, how it is called, what answers it. */
type Operation = readonly [name: string, method: string, path: string, (call: Call) => Response | Promise<Response>];

const OPERATIONS: readonly Operation[] = [
  ['storage.buckets.insert', 'POST', '/b', insertBucket],
  ['storage.buckets.list', 'GET', '/b', listBuckets],
  ['storage.buckets.get', 'GET', '/b/:bucket', getBucket],
  ['storage.buckets.patch', 'PATCH', '/b/:bucket', patchBucket],
  ['storage.buckets.delete', 'DELETE', '/b/:bucket', deleteBucket],
  ['storage.objects.list', 'GET', '/b/:bucket/o', listObjects],
  ['storage.objects.get', 'GET', '/b/:bucket/o/:object', getObject],
  ['storage.objects.patch', 'PATCH', '/b/:bucket/o/:object', patchObject],
  ['storage.objects.delete', 'DELETE', '/b/:bucket/o/:object', deleteObject],
  ['storage.objects.insert', 'POST', '/upload/storage/v1/b/:bucket/o', insertObject],
  ['storage.objects.insert', 'PUT', '/upload/storage/v1/b/:bucket/o', continueUpload],
];

/**
 * Starts a Cloud Storage with nothing in it: the part of the JSON API that keeps buckets and objects, in memory. A call
 * that it does not have answers 501.
 *
 * It differs from the real service so: no access control, no versions but the live one, no lifecycle actions (the rules
 * are kept and shown), no copying or composing, no partial responses (`fields` is ignored), and an object stored
 * compressed is served compressed, whatever the caller accepts.
 */
export async function startStorage({
  port = 0,
  faults = new Faults(),
}: {
  port?: number;
  faults?: Faults;
} = {}): Promise<SandboxServer> {
  const state = new StorageState();
  const app = new Hono<{ Bindings: HttpBindings }>();

  /** Every call passes here, with the operation's name and the bucket and object it is about. */
  const perform = async ([method, , , handle]: Operation, context: Context): Promise<Response> => {
    const { searchParams: query } = new URL(context.req.url);
    const { bucket = '', object = '' } = context.req.param();
    const resource = `${bucket}/${object || query.get('name') || ''}`;
    const work = () => handle({ state, request: context.req.raw, query, bucket, object });
    return await faults.pass({ server: 'storage', method, resource }, work);
  };

  for (const operation of OPERATIONS) {
    const [, method, path] = operation;
    // Calls to `apiEndpoint` have /storage/v1, those to STORAGE_EMULATOR_HOST have not.
    app.on(method, [path, `/storage/v1${path}`], (context) => perform(operation, context));
  }
  app.notFound((context) => notImplemented(`the call ${context.req.method} ${context.req.path}`).toResponse(false));
  app.onError((error, context) => {
    if (error instanceof LostResponse) return loseResponse(context);
    const asText = context.req.query('alt') === 'media';
    if (error instanceof InjectedError) {
      const { code, reason, message } = error.fault;
      return withRetryAfter(new StorageError(Number(code), reason, message).toResponse(asText), error);
    }
    const known = error instanceof StorageError ? error : new StorageError(500, 'internalError', String(error));
    return known.toResponse(asText);
  });
  return serveHttp(app.fetch, port);
}
