import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono, type HonoRequest } from 'hono';
import { Faults, InjectedError, LostResponse } from '../faults/faults.ts';
import { loseResponse, withRetryAfter } from '../faults/http-faults.ts';
import { serveHttp } from '../http-server.ts';
import { Permissions } from '../permissions.ts';
import type { SandboxServer } from '../server.ts';
import {
  deleteBucket,
  getBucket,
  insertBucket,
  listBuckets,
  lockRetentionPolicy,
  patchBucket,
  testBucketPermissions,
} from './buckets.ts';
import type { Call } from './call.ts';
import { Clock } from './clock.ts';
import { isJsonObject } from './json-object.ts';
import { listObjects } from './list-objects.ts';
import { deleteObject, getObject, patchObject } from './objects.ts';
import { checkParameters } from './parameters.ts';
import { partialResponse } from './partial-response.ts';
import { type Permission, requireBy } from './permissions.ts';
import { cancelUpload, continueUpload } from './resumable-uploads.ts';
import { type ErrorFormat, notFound, notImplemented, reasonOf, StorageError } from './storage-error.ts';
import { isRequesterPays, StorageState } from './storage-state.ts';
import { insertObject } from './uploads.ts';
import { readByXml, xmlPathOf } from './xml-read.ts';

/** One method of the JSON API. */
interface Operation {
  /** As in Google's reference. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** The permission that every call needs; handlers require others. A session URI replaces its permission. */
  readonly permission?: Permission;
  /** Selects the calls of its path that are its own. Default: all. */
  readonly takes?: (query: URLSearchParams) => boolean;
  readonly handle: (call: Call) => Response | Promise<Response>;
}

type Environment = { Bindings: HttpBindings };

const UPLOAD = '/upload/storage/v1/b/:bucket/o';

const OPERATIONS: readonly Operation[] = [
  {
    name: 'storage.buckets.insert',
    method: 'POST',
    path: '/b',
    permission: 'storage.buckets.create',
    handle: insertBucket,
  },
  { name: 'storage.buckets.list', method: 'GET', path: '/b', permission: 'storage.buckets.list', handle: listBuckets },
  {
    name: 'storage.buckets.get',
    method: 'GET',
    path: '/b/:bucket',
    permission: 'storage.buckets.get',
    handle: getBucket,
  },
  {
    name: 'storage.buckets.patch',
    method: 'PATCH',
    path: '/b/:bucket',
    permission: 'storage.buckets.update',
    handle: patchBucket,
  },
  {
    name: 'storage.buckets.delete',
    method: 'DELETE',
    path: '/b/:bucket',
    permission: 'storage.buckets.delete',
    handle: deleteBucket,
  },
  {
    name: 'storage.buckets.lockRetentionPolicy',
    method: 'POST',
    path: '/b/:bucket/lockRetentionPolicy',
    permission: 'storage.buckets.update',
    handle: lockRetentionPolicy,
  },
  {
    name: 'storage.buckets.testIamPermissions',
    method: 'GET',
    path: '/b/:bucket/iam/testPermissions',
    handle: testBucketPermissions,
  },
  {
    name: 'storage.objects.list',
    method: 'GET',
    path: '/b/:bucket/o',
    permission: 'storage.objects.list',
    handle: listObjects,
  },
  {
    name: 'storage.objects.get',
    method: 'GET',
    path: '/b/:bucket/o/:object',
    permission: 'storage.objects.get',
    handle: getObject,
  },
  {
    name: 'storage.objects.get',
    method: 'GET',
    path: '/download/storage/v1/b/:bucket/o/:object',
    permission: 'storage.objects.get',
    handle: getObject,
  },
  {
    name: 'storage.objects.patch',
    method: 'PATCH',
    path: '/b/:bucket/o/:object',
    permission: 'storage.objects.update',
    handle: patchObject,
  },
  {
    name: 'storage.objects.delete',
    method: 'DELETE',
    path: '/b/:bucket/o/:object',
    permission: 'storage.objects.delete',
    handle: deleteObject,
  },
  {
    name: 'storage.objects.insert',
    method: 'POST',
    path: UPLOAD,
    // By PUT, as documented, or by POST, as Google's Go client continues.
    takes: (query) => query.has('upload_id'),
    handle: continueUpload,
  },
  {
    name: 'storage.objects.insert',
    method: 'POST',
    path: UPLOAD,
    permission: 'storage.objects.create',
    handle: insertObject,
  },
  { name: 'storage.objects.insert', method: 'PUT', path: UPLOAD, handle: continueUpload },
  { name: 'storage.objects.insert', method: 'DELETE', path: UPLOAD, handle: cancelUpload },
];

const READ_BY_XML: Operation = {
  name: 'storage.objects.get',
  method: 'GET',
  path: '/:bucket/:object',
  permission: 'storage.objects.get',
  handle: readByXml,
};

/** Calls of the service that the sandbox lacks, by method and path. */
const MISSING: readonly RegExp[] = [
  /^PUT \/b\/[^/]+(?:\/o\/[^/]+)?$/,
  /^\w+ \/(?:batch|channels|projects)\b/,
  /^\w+ \/b\/[^/]+\/(?:acl|anywhereCaches|defaultObjectAcl|folders|iam|managedFolders|notificationConfigs|operations)\b/,
  /^\w+ \/b\/[^/]+\/(?:relocate|restore|storageLayout)$/,
  /^\w+ \/b\/[^/]+\/o\/(?:bulkRestore|watch)$/,
  /^\w+ \/b\/[^/]+\/o\/[^/]+\/(?:acl|compose|copyTo|iam|moveTo|restore|rewriteTo)\b/,
];

export interface StorageOptions {
  readonly port?: number;
  readonly faults?: Faults;
  /** Milliseconds since 1970: the clock of generations, times, retention and upload sessions. */
  readonly now?: () => number;
  readonly permissions?: Permissions;
}

/**
 * Starts an empty in-memory Cloud Storage: the JSON API's buckets and objects, with versions, retention, holds,
 * customer-supplied keys and requester pays; and the XML API's `GET /bucket/object`.
 *
 * A call, parameter or setting that only the service supports answers 400 `notImplemented`; a call that the service
 * lacks too, 404. Differences: one caller, with every permission that is not denied; no soft delete (it is off in every
 * bucket); no lifecycle actions (rules are checked, stored and shown); no Cloud KMS, copying or composing; no ACLs, and
 * none with `projection=full`.
 */
export async function startStorage({
  port = 0,
  faults = new Faults(),
  now = Date.now,
  permissions = new Permissions(),
}: StorageOptions = {}): Promise<SandboxServer> {
  const state = new StorageState(new Clock(now));
  const app = new Hono<Environment>();

  /** Every call passes here, with the operation's name, bucket and object. */
  const perform = async (
    { name, permission, handle }: Operation,
    context: Context<Environment>,
    { bucket = '', object = '' }: { readonly bucket?: string; readonly object?: string } = context.req.param(),
  ): Promise<Response> => {
    const { origin, searchParams: query } = new URL(context.req.url);
    const { raw: request } = context.req;
    const require = requireBy(permissions, name);
    const work = () => {
      if (permission !== undefined) {
        require(permission);
        checkParameters(query, name.startsWith('storage.objects.'));
        checkPayer(query, request, bucket);
      }
      const { headers } = request;
      return handle({ state, request, query, headers, bucket, object, origin, require, permissions });
    };
    const resource = `${bucket}/${object || query.get('name') || ''}`;
    return faults.pass({ server: 'storage', method: name, resource }, work);
  };

  const checkPayer = (query: URLSearchParams, { headers }: Request, name: string): void => {
    const bucket = state.buckets.get(name);
    if (bucket === undefined || !isRequesterPays(bucket)) return;
    if (query.get('userProject') || headers.get('x-goog-user-project')) return;
    throw new StorageError(400, 'required', 'Bucket is a requester pays bucket but no user project provided.');
  };

  for (const operation of OPERATIONS) {
    const { method, path } = operation;
    // Calls to `apiEndpoint` have /storage/v1, those to STORAGE_EMULATOR_HOST do not.
    app.on(method, [path, `/storage/v1${path}`], async (context, next) => {
      const { searchParams: query } = new URL(context.req.url);
      if (operation.takes?.(query) === false) return next();
      const response = await perform(operation, context);
      const fields = query.get('fields');
      return fields === null || query.get('alt') === 'media' ? response : partOf(response, fields);
    });
  }
  app.get('*', async (context, next) => {
    const path = xmlPathOf(context.req.url);
    if (path === undefined) return next();
    const response = await perform(READ_BY_XML, context, path);
    sendHashes(response, context);
    return response;
  });
  app.notFound(({ req }) => {
    const { pathname } = new URL(req.url);
    const error = xmlPathOf(req.url)
      ? notImplemented(`the XML call ${req.method} ${pathname}`)
      : refusalOf(req.method, pathname.replace(/^\/storage\/v1/, ''));
    return error.toResponse(formatOf(req));
  });
  app.onError((error, context) => {
    if (error instanceof LostResponse) return loseResponse(context);
    const format = formatOf(context.req);
    if (error instanceof InjectedError) return withRetryAfter(injected(error).toResponse(format), error);
    const known = error instanceof StorageError ? error : new StorageError(500, 'internalError', String(error));
    return known.toResponse(format);
  });
  return serveHttp(app.fetch, port);
}

/** Sends one header per hash. `Headers` would combine them, which Google's Go client does not read. */
function sendHashes({ headers }: Response, { env }: Context<Environment>): void {
  const hashes = headers.get('x-goog-hash');
  if (hashes === null) return;
  headers.delete('x-goog-hash');
  env.outgoing.setHeader('x-goog-hash', hashes.split(','));
}

function formatOf(request: HonoRequest): ErrorFormat {
  if (xmlPathOf(request.url) !== undefined) return 'xml';
  return request.query('alt') === 'media' ? 'text' : 'json';
}

/** Returns the error of a call without an operation. */
function refusalOf(method: string, path: string): StorageError {
  const call = `${method} ${path}`;
  if (MISSING.some((pattern) => pattern.test(call))) return notImplemented(`the call ${call}`);
  if (/^POST \/b\/[^/]+\/o$/.test(call)) {
    return new StorageError(400, 'wrongUrlForUpload', 'Objects are inserted by uploads, below /upload.');
  }
  const isKnown = OPERATIONS.some((each) => new RegExp(`^${each.path.replace(/:\w+/g, '[^/]+')}$`).test(path));
  return isKnown ? new StorageError(405, 'methodNotAllowed', 'Method Not Allowed') : notFound('Not Found');
}

async function partOf(response: Response, fields: string): Promise<Response> {
  if (!response.headers.get('content-type')?.startsWith('application/json')) return response;
  const answer: unknown = await response.json();
  return Response.json(isJsonObject(answer) ? partialResponse(answer, fields) : answer, response);
}

/** Uses the documented reason of the status if the rule has none. */
function injected({ fault }: InjectedError): StorageError {
  const status = Number(fault.code);
  return new StorageError(status, fault.reason === 'backendError' ? reasonOf(status) : fault.reason, fault.message);
}
