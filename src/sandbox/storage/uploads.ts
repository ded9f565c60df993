import { isUtf8 } from 'node:buffer';
import type { Call } from './call.ts';
import { type JsonObject, parseJsonObject } from './json-object.ts';
import { parseMultipartRelated } from './multipart.ts';
import { startResumable } from './resumable-uploads.ts';
import { shownObject } from './shown.ts';
import { invalid, invalidParameter, required, StorageError } from './storage-error.ts';
import type { Upload } from './storage-state.ts';
import { uploadOf } from './upload-request.ts';

/** Inserts an object from one request, or starts a resumable upload. */
export async function insertObject(call: Call): Promise<Response> {
  const { request, query } = call;
  const uploadType = query.get('uploadType');
  const contentType = request.headers.get('content-type');
  const content = Buffer.from(await request.arrayBuffer());
  if (uploadType === null) throw required('uploadType');
  if (uploadType === 'resumable') return startResumable(call, parseBody(content));
  if (uploadType === 'media') return store(call, uploadOf(call, {}, contentType), content);
  if (uploadType !== 'multipart') throw invalidParameter('uploadType', uploadType);
  const [fields, media, ...others] = parseMultipartRelated(contentType, content);
  if (fields === undefined || media === undefined || others.length > 0) {
    throw invalid('A multipart upload needs two parts.');
  }
  return store(call, uploadOf(call, parseBody(fields.content), media.contentType), media.content);
}

function parseBody(content: Buffer): JsonObject {
  if (!isUtf8(content)) throw new StorageError(400, 'parseError', 'Parse Error');
  return parseJsonObject(String(content));
}

function store({ state, origin }: Call, upload: Upload, content: Buffer<ArrayBuffer>): Response {
  const object = state.putObject(upload, content);
  return Response.json(shownObject(state.bucket(upload.bucket), object, origin, upload.customerKey !== undefined));
}
