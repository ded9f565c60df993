import { isUtf8 } from 'node:buffer';

/** Returns bytes as a Buffer over the same memory. Returns an existing Buffer unchanged. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Copies bytes to separate memory, outside Node's pool, where the copy would retain its neighbors. */
export function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  copy.set(bytes);
  return copy;
}

const REPLACEMENT = '\ufffd';
const BYTE_ORDER_MARK = 0xfeff;

/** Decodes bytes as text without a byte order mark; undefined if they are not UTF-8. */
export function utf8Text(bytes: Uint8Array, start = 0, end = bytes.length): string | undefined {
  const text = asBuffer(bytes).toString('utf8', start, end);
  // Invalid UTF-8 decodes to replacement characters, which most texts do not have.
  if (text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end))) return undefined;
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
}
