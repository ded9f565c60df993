import { type Context, Hono } from 'hono';
import { serveHttp } from '../http-server.ts';
import type { SandboxServer } from '../server.ts';
import { bucketOperations } from './bucket-operations.ts';
import { objectOperations } from './object-operations.ts';
import type { Operation } from './operation.ts';
import { notImplemented, StorageError } from './storage-error.ts';
import { StorageState } from './storage-state.ts';
import { uploadOperations } from './upload-operations.ts';

/** JSON calls arrive below the first with `apiEndpoint`, below the second with STORAGE_EMULATOR_HOST. */
const JSON_PREFIXES = ['/storage/v1', ''];
const UPLOAD_PREFIXES = ['/upload/storage/v1'];
/** Where `mediaLink` points to. */
const DOWNLOAD_PREFIXES = ['/download/storage/v1'];

function prefixesOf({ name, upload }: Operation): string[] {
  if (upload) return UPLOAD_PREFIXES;
  return name === 'storage.objects.get' ? [...JSON_PREFIXES, ...DOWNLOAD_PREFIXES] : JSON_PREFIXES;
}

/**
 * Starts a Cloud Storage with nothing in it: the part of the JSON API that `@google-cloud/storage` needs to keep
 * buckets and objects, held in memory. A call that it does not have answers 501.
 *
 * It differs from the real service so: no access control, no customer-held keys, no versions but the live one, no
 * lifecycle actions (the rules are kept and shown), no partial responses (`fields` is ignored), and domain-named
 * buckets need no proof of ownership.
 */
export async function startStorage({ port = 0 }: { port?: number } = {}): Promise<SandboxServer> {
  const state = new StorageState();
  const app = new Hono();

  /** Every call passes here, with the operation's name and the bucket and object it is about. */
  const perform = async (operation: Operation, context: Context): Promise<Response> => {
    if (context.req.header('x-goog-encryption-key') !== undefined) throw notImplemented('customer-supplied keys');
    const url = new URL(context.req.url);
    const parameter = (name: string) => context.req.param(name) ?? '';
    return await operation.handle({
      state,
      request: context.req.raw,
      query: url.searchParams,
      origin: url.origin,
      bucket: parameter('bucket'),
      object: parameter('object'),
      parameter,
    });
  };

  for (const operation of [...bucketOperations, ...objectOperations, ...uploadOperations(new Map())]) {
    for (const prefix of prefixesOf(operation)) {
      app.on(operation.method, prefix + operation.path, (context) => perform(operation, context));
    }
  }
  app.notFound((context) => notImplemented(`the call ${context.req.method} ${context.req.path}`).toResponse());
  app.onError((error, context) => {
    const known =
      error instanceof StorageError ? error : new StorageError(500, 'internalError', `${error.name}: ${error.message}`);
    return known.toResponse(context.req.method === 'GET' && context.req.query('alt') === 'media');
  });
  return serveHttp(app.fetch, port);
}
