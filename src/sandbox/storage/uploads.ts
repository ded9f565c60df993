import { randomUUID } from 'node:crypto';
import type { Call } from './call.ts';
import { type JsonObject, parseJsonObject } from './json-object.ts';
import { checkPreconditions } from './resource.ts';
import { invalid, notFound } from './storage-error.ts';
import type { Upload } from './storage-state.ts';

/** What a call says of the object; the name in the query wins, which is where the official clients send it. */
function uploadOf({ request, query, bucket }: Call, body: JsonObject, contentType: string | null): Upload {
  const name = query.get('name') ?? body.name;
  if (typeof name !== 'string' || name === '') throw invalid('Required parameter: name');
  if (Buffer.byteLength(name) > 1024) throw invalid(`Object name over 1024 bytes: '${name}'`);
  const contentEncoding = query.get('contentEncoding');
  return { bucket, name, query, fields: { contentType, contentEncoding, ...body, ...hashesIn(request) } };
}

/** The hashes in the header `x-goog-hash: crc32c=…,md5=…`, by the names that they have in an object resource. */
function hashesIn({ headers }: Request): JsonObject {
  const hashes = headers.get('x-goog-hash')?.matchAll(/(crc32c|md5)=([^,\s]+)/g) ?? [];
  return Object.fromEntries(Array.from(hashes, ([, kind, hash]) => [kind === 'md5' ? 'md5Hash' : 'crc32c', hash]));
}

/** Inserts an object that comes in one request, or starts a resumable upload. */
export async function insertObject(call: Call): Promise<Response> {
  const { state, request, query } = call;
  const uploadType = query.get('uploadType');
  const contentType = request.headers.get('content-type');
  const body = Buffer.from(await request.arrayBuffer());
  if (uploadType === 'resumable') return startResumable(call, parseJsonObject(String(body)));
  if (uploadType === 'media') return Response.json(state.putObject(uploadOf(call, {}, contentType), body).resource);
  if (uploadType !== 'multipart') throw invalid(`Invalid upload type: '${uploadType}'`);
  const [fields, media] = parseMultipartRelated(contentType, body);
  if (fields === undefined || media === undefined) throw invalid('A multipart upload needs two parts.');
  const upload = uploadOf(call, parseJsonObject(String(fields.content)), media.contentType);
  return Response.json(state.putObject(upload, media.content).resource);
}

/** Takes a `multipart/related` body (RFC 2387) apart, byte for byte. */
function parseMultipartRelated(contentType: string | null, body: Buffer) {
  const [, boundary] = /boundary="?([^";\s]+)/i.exec(contentType ?? '') ?? [];
  const pieces = `\r\n${body.toString('latin1')}`.split(`\r\n--${boundary}`);
  return pieces.slice(1, -1).map((piece) => {
    const headersEnd = piece.indexOf('\r\n\r\n');
    const [, type = null] = /^content-type:\s*(.+?)\s*$/im.exec(piece.slice(0, headersEnd)) ?? [];
    return { contentType: type, content: Buffer.from(piece.slice(headersEnd + '\r\n\r\n'.length), 'latin1') };
  });
}

function startResumable(call: Call, body: JsonObject): Response {
  const { state, request, query, bucket } = call;
  const upload = uploadOf(call, body, request.headers.get('x-upload-content-type'));
  checkPreconditions(query, state.bucket(bucket).objects.get(upload.name)?.resource);
  const id = randomUUID();
  state.sessions.set(id, { upload, content: Buffer.alloc(0) });
  const location = new URL(request.url);
  location.search = String(new URLSearchParams({ uploadType: 'resumable', name: upload.name, upload_id: id }));
  return new Response(null, { headers: { location: location.href } });
}

/** `bytes 0-9/10`, `bytes 0-9/*`; with `*` for the last byte, all that comes; with `*` for both, a status query. */
const CONTENT_RANGE = /^bytes (?:\*|(\d+)-(\d+|\*))\/(\d+|\*)$/;

/** Takes the next bytes of a resumable upload, and answers 308 with what it has until it has all. */
export async function continueUpload({ state, request, query, bucket }: Call): Promise<Response> {
  const session = state.sessions.get(query.get('upload_id') ?? '');
  if (session?.upload.bucket !== bucket) throw notFound('No such upload session.');
  if (session.stored) return Response.json(session.stored.resource);
  const header = request.headers.get('content-range') ?? 'bytes 0-*/*';
  const [range, from, last, total] = CONTENT_RANGE.exec(header) ?? [];
  if (range === undefined) throw invalid(`Failed to parse Content-Range header '${header}'.`);
  const first = Number(from);
  const fits = first <= session.content.byteLength;
  if (fits) {
    const received: Uint8Array[] = [];
    try {
      for await (const chunk of request.body ?? []) received.push(chunk);
    } finally {
      // Also when the connection broke: the caller goes on from there.
      session.content = Buffer.concat([session.content.subarray(0, first), ...received]);
    }
  }
  const size = session.content.byteLength;
  const runsToTheEnd = fits && last === '*' && total === '*';
  if (!runsToTheEnd && String(size) !== total) {
    return new Response(null, { status: 308, headers: size > 0 ? { range: `bytes=0-${size - 1}` } : {} });
  }
  const fields = { ...session.upload.fields, ...hashesIn(request) };
  session.stored = state.putObject({ ...session.upload, fields }, session.content);
  return Response.json(session.stored.resource);
}
