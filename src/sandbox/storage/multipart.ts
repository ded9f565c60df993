import { invalid } from './storage-error.ts';

export interface Part {
  readonly contentType: string | null;
  readonly content: Buffer<ArrayBuffer>;
}

/** Splits a `multipart/related` body (RFC 2387), byte for byte. The parts share its memory. */
export function parseMultipartRelated(contentType: string | null, body: Buffer<ArrayBuffer>): Part[] {
  const [, boundary] = /^multipart\/related\s*;.*\bboundary="?([^";\s]+)/i.exec(contentType ?? '') ?? [];
  if (boundary === undefined) throw invalid('A multipart upload needs the content type multipart/related.');
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const opening = delimiter.subarray(2);
  const parts: Part[] = [];
  let start = body.indexOf(opening) === 0 ? opening.byteLength : after(body, delimiter, 0);
  for (;;) {
    const end = body.indexOf(delimiter, start);
    if (end < 0) return parts;
    parts.push(parsePart(body.subarray(start, end)));
    start = end + delimiter.byteLength;
  }
}

function after(body: Buffer, delimiter: Buffer, from: number): number {
  const at = body.indexOf(delimiter, from);
  return at < 0 ? body.byteLength : at + delimiter.byteLength;
}

const HEADERS_END = '\r\n\r\n';

function parsePart(piece: Buffer<ArrayBuffer>): Part {
  const headersEnd = piece.indexOf(HEADERS_END);
  if (headersEnd < 0) throw invalid('A part of a multipart upload has no headers.');
  const headers = piece.toString('latin1', 0, headersEnd);
  const [, contentType = null] = /^content-type:\s*(.+?)\s*$/im.exec(headers) ?? [];
  return { contentType, content: piece.subarray(headersEnd + HEADERS_END.length) };
}
