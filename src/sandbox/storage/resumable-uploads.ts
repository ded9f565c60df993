import { randomUUID } from 'node:crypto';
import type { Call } from './call.ts';
import { checkEnforcement } from './encryption.ts';
import type { JsonObject } from './json-object.ts';
import { refuseAcls } from './object-fields.ts';
import { checkPreconditions } from './resource.ts';
import { shownObject } from './shown.ts';
import { invalid, notFound, StorageError } from './storage-error.ts';
import type { UploadSession } from './storage-state.ts';
import { hashesIn, uploadOf } from './upload-request.ts';

const DAY_MS = 86_400_000;
const LIFETIME_MS = 7 * DAY_MS;
/** Everything before the last byte is kept in whole units. */
const UNIT = 256 * 1024;

/** Starts an upload in several requests. https://cloud.google.com/storage/docs/resumable-uploads */
export function startResumable(call: Call, body: JsonObject): Response {
  const { state, request, query } = call;
  const { resource, live } = state.bucket(call.bucket);
  const upload = uploadOf(call, body, request.headers.get('x-upload-content-type'));
  checkPreconditions(call, live.get(upload.name)?.resource);
  refuseAcls(resource, query, body);
  checkEnforcement(resource, upload.customerKey);
  const announced = request.headers.get('x-upload-content-length');
  const total = announced === null ? undefined : Number(announced);
  const id = randomUUID();
  state.sessions.set(id, { upload, startedAt: state.clock.now(), total, content: Buffer.alloc(0) });
  const location = new URL(request.url);
  location.search = String(new URLSearchParams({ uploadType: 'resumable', name: upload.name, upload_id: id }));
  return new Response(null, { headers: { location: location.href, 'x-guploader-uploadid': id } });
}

/** Cancels an upload; later requests for it get the same answer as this call. */
export function cancelUpload(call: Call): Response {
  const session = sessionOf(call);
  if (session.stored) return shown(call, session);
  session.isCancelled = true;
  session.content = Buffer.alloc(0);
  return new Response(null, { status: 499 });
}

/** Accepts the next bytes of a resumable upload, and answers 308 with the received range until it is complete. */
export async function continueUpload(call: Call): Promise<Response> {
  const { state, request } = call;
  const session = sessionOf(call);
  if (session.isCancelled) return new Response(null, { status: 499 });
  if (session.stored) return shown(call, session);
  const range = parseContentRange(request.headers.get('content-range') ?? 'bytes 0-*/*');
  if (range.total !== undefined) {
    if (session.total !== undefined && session.total !== range.total) {
      throw invalid(`The upload was announced with ${session.total} bytes, not with ${range.total}.`);
    }
    session.total = range.total;
  }
  if (range.first !== undefined) await receive(session, request, range.first, range.last);
  const { byteLength: size } = session.content;
  const runsToTheEnd = range.first !== undefined && range.last === undefined && range.total === undefined;
  if (session.total !== undefined && size > session.total) {
    throw invalid(`The upload has ${size} bytes, more than the ${session.total} that were announced.`);
  }
  if (!runsToTheEnd && size !== range.total) {
    keepWholeUnits(session);
    return incomplete(request, session.content.byteLength);
  }
  const fields = { ...session.upload.fields, ...hashesIn(request) };
  session.stored = state.putObject({ ...session.upload, fields }, session.content);
  return shown(call, session);
}

/** Answers 308, or 200 and a header for Google's Go client, whose HTTP library would treat a 308 as a redirect. */
function incomplete({ headers: asked }: Request, kept: number): Response {
  const headers = new Headers(kept > 0 ? { range: `bytes=0-${kept - 1}` } : {});
  if (asked.get('x-guploader-no-308') !== 'yes') return new Response(null, { status: 308, headers });
  headers.set('x-http-status-code-override', '308');
  return new Response(null, { headers });
}

function sessionOf({ state, query, bucket }: Call): UploadSession {
  const session = state.sessions.get(query.get('upload_id') ?? '');
  if (session?.upload.bucket !== bucket) throw notFound('No such upload session.');
  if (session.startedAt + LIFETIME_MS <= state.clock.now()) {
    throw new StorageError(410, 'gone', 'The upload session is no longer available.');
  }
  return session;
}

function shown({ state, origin }: Call, { stored, upload }: UploadSession): Response {
  if (stored === undefined) throw notFound('No such upload session.');
  const bucket = state.bucket(upload.bucket);
  return Response.json(shownObject(bucket, stored, origin, upload.customerKey !== undefined));
}

/**
 * Matches `bytes 0-9/10`, `bytes 0-9/*`; `*` for the last byte means everything that arrives; `*` for both a status
 * query.
 */
const CONTENT_RANGE = /^bytes (?:\*|(\d+)-(\d+|\*))\/(\d+|\*)$/;

function parseContentRange(header: string) {
  const [range, first, last, total] = CONTENT_RANGE.exec(header) ?? [];
  const numberOf = (text: string | undefined) => (text === undefined || text === '*' ? undefined : Number(text));
  const parsed = { first: numberOf(first), last: numberOf(last), total: numberOf(total) };
  const isBackwards = parsed.last !== undefined && parsed.last < (parsed.first ?? 0);
  const isBehindTheEnd = parsed.total !== undefined && (parsed.last ?? 0) >= Math.max(parsed.total, 1);
  if (range === undefined || isBackwards || isBehindTheEnd) {
    throw invalid(`Failed to parse Content-Range header '${header}'.`);
  }
  return parsed;
}

async function receive(session: UploadSession, request: Request, first: number, last?: number): Promise<void> {
  const before = session.content;
  if (first > before.byteLength) {
    const message = `Invalid request.  According to the Content-Range header, the upload offset is ${first} byte(s), which exceeds already uploaded size of ${before.byteLength} byte(s).`;
    throw new StorageError(503, 'backendError', message);
  }
  const received: Uint8Array[] = [];
  const append = () => {
    const content = Buffer.concat([before.subarray(0, first), ...received]);
    // Bytes that were already kept may arrive again, and stay if only some of them do.
    if (content.byteLength > before.byteLength) session.content = content;
  };
  try {
    for await (const chunk of request.body ?? []) received.push(chunk);
  } catch (broken) {
    append();
    keepWholeUnits(session);
    throw broken;
  }
  const size = received.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  if (last !== undefined && size !== last - first + 1) {
    throw invalid(
      `Invalid request.  There were ${size} byte(s) in the request body.  There should have been ${last - first + 1} byte(s) (starting at offset ${first} and ending at offset ${last}) according to the Content-Range header.`,
    );
  }
  append();
}

function keepWholeUnits(session: UploadSession): void {
  const { content } = session;
  session.content = content.subarray(0, content.byteLength - (content.byteLength % UNIT));
}
