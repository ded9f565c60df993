import { isUtf8 } from 'node:buffer';

/** Bytes as a Buffer over the same memory; what is a Buffer already stays the same one. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A copy in memory of its own: not in Node's pool, where it would hold what others have put beside it. */
export function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  copy.set(bytes);
  return copy;
}

const REPLACEMENT = '\ufffd';
const BYTE_ORDER_MARK = 0xfeff;

/** Bytes as text, without a byte order mark; undefined if they are not UTF-8. */
export function utf8Text(bytes: Uint8Array, start = 0, end = bytes.length): string | undefined {
  const text = asBuffer(bytes).toString('utf8', start, end);
  // What is not UTF-8 comes out as replacement characters; most texts have none.
  if (text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end))) return undefined;
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
}
