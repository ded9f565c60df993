import { type JsonObject, parseJsonObject } from './json-object.ts';
import { parseMultipartRelated } from './multipart-related.ts';
import { checkObjectName } from './names.ts';
import type { Call, Operation } from './operation.ts';
import { checkPreconditions } from './preconditions.ts';
import { invalid, required, StorageError } from './storage-error.ts';
import { type Bytes, checkHashes, objectResource, settableFields } from './stored-object.ts';
import { parseContentRange, UploadSession } from './upload-session.ts';

const CLIENT_CLOSED_REQUEST = 499;

/** The name in the query wins, as it does for the real service's clients, who send it there. */
function nameOf(query: URLSearchParams, body: JsonObject): string {
  const name = query.get('name') ?? body.name;
  if (typeof name !== 'string' || name === '') throw required('name');
  checkObjectName(name);
  return name;
}

/** The caller's settings, completed by what only the headers and the query say. */
function fieldsOf(query: URLSearchParams, body: JsonObject, contentType: string | null | undefined): JsonObject {
  const contentEncoding = query.get('contentEncoding');
  return {
    ...(contentType == null ? {} : { contentType }),
    ...(contentEncoding === null ? {} : { contentEncoding }),
    ...settableFields(body),
  };
}

function store(call: Call, content: Bytes, body: JsonObject, contentType: string | null | undefined): Response {
  const { state, request, query, origin, bucket } = call;
  const name = nameOf(query, body);
  checkHashes(content, body, request.headers.get('x-goog-hash'));
  const object = state.putObject(bucket, name, { content, fields: fieldsOf(query, body, contentType) }, query);
  return Response.json(objectResource(bucket, object, origin));
}

async function insertMultipart(call: Call): Promise<Response> {
  const body = Buffer.from(await call.request.arrayBuffer());
  const [resource, media, ...more] = parseMultipartRelated(call.request.headers.get('content-type') ?? '', body);
  if (resource === undefined || media === undefined || more.length > 0) {
    throw invalid('Multipart upload requires exactly two parts: the resource and the media.');
  }
  return store(call, media.body, parseJsonObject(Buffer.from(resource.body).toString()), media.contentType);
}

/** The three ways to insert an object, and what goes on after the start of the resumable one. */
export function uploadOperations(sessions: Map<string, UploadSession>): Operation[] {
  const sessionOf = ({ query, bucket }: Call): UploadSession => {
    const session = sessions.get(query.get('upload_id') ?? '');
    if (session?.bucket === bucket) return session;
    throw new StorageError(404, 'notFound', 'No such upload session.');
  };

  async function startResumable({ state, request, query, origin, bucket }: Call): Promise<Response> {
    const body = parseJsonObject(await request.text());
    const object = nameOf(query, body);
    checkPreconditions(query, state.bucket(bucket).objects.get(object));
    const fields = fieldsOf(query, body, request.headers.get('x-upload-content-type'));
    const session = new UploadSession({ bucket, object, query, body: { ...body, ...fields } });
    sessions.set(session.id, session);
    const location = new URL(`${origin}/upload/storage/v1/b/${bucket}/o?uploadType=resumable`);
    location.searchParams.set('name', object);
    location.searchParams.set('upload_id', session.id);
    return new Response(null, { headers: { location: location.href, 'x-guploader-uploadid': session.id } });
  }

  async function continueResumable(call: Call): Promise<Response> {
    const { state, request, origin, bucket } = call;
    const session = sessionOf(call);
    const { first, last, total } = parseContentRange(request.headers.get('content-range'));
    if (session.stored === undefined) {
      if (first !== undefined) await session.receive(request.body, first);
      const openEnd = first !== undefined && last === undefined && total === undefined;
      if (openEnd ? first > session.size : session.size !== total) {
        session.keepWholeUnits();
        return session.incomplete();
      }
      const content = session.content();
      checkHashes(content, session.body, request.headers.get('x-goog-hash'));
      const upload = { content, fields: settableFields(session.body) };
      session.stored = state.putObject(bucket, session.object, upload, session.query);
    }
    return Response.json(objectResource(bucket, session.stored, origin));
  }

  const path = '/b/:bucket/o';
  return [
    {
      name: 'storage.objects.insert',
      method: 'POST',
      path,
      upload: true,
      async handle(call) {
        const { state, request, query, bucket } = call;
        state.bucket(bucket);
        const uploadType = query.get('uploadType');
        if (uploadType === 'resumable') return startResumable(call);
        if (uploadType === 'multipart') return insertMultipart(call);
        if (uploadType !== 'media') throw invalid(`Invalid upload type: '${uploadType ?? ''}'`);
        return store(call, new Uint8Array(await request.arrayBuffer()), {}, request.headers.get('content-type'));
      },
    },
    { name: 'storage.objects.insert', method: 'PUT', path, upload: true, handle: continueResumable },
    {
      name: 'storage.objects.insert',
      method: 'DELETE',
      path,
      upload: true,
      handle(call) {
        sessions.delete(sessionOf(call).id);
        return new Response(null, { status: CLIENT_CLOSED_REQUEST });
      },
    },
  ];
}
