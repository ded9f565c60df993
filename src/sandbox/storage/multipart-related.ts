import { invalid } from './storage-error.ts';
import type { Bytes } from './stored-object.ts';

export interface Part {
  readonly contentType: string | undefined;
  readonly body: Bytes;
}

/** Takes a `multipart/related` body (RFC 2387) apart, byte for byte. */
export function parseMultipartRelated(contentType: string, body: Buffer<ArrayBuffer>): Part[] {
  const [, quoted, bare] = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) throw invalid('Multipart request without a boundary.');
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const text = Buffer.concat([Buffer.from('\r\n'), body]);
  const parts: Part[] = [];
  let at = text.indexOf(delimiter);
  for (let next = text.indexOf(delimiter, at + 1); at >= 0 && next >= 0; next = text.indexOf(delimiter, at + 1)) {
    const part = text.subarray(at + delimiter.length, next);
    const headerEnd = part.indexOf('\r\n\r\n');
    if (headerEnd < 0) throw invalid('Multipart part without an empty line behind its headers.');
    const headers = part.subarray(0, headerEnd).toString('latin1');
    parts.push({
      contentType: /^content-type:\s*(.+?)\s*$/im.exec(headers)?.[1],
      body: new Uint8Array(part.subarray(headerEnd + 4)),
    });
    at = next;
  }
  return parts;
}
