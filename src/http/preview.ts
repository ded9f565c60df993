import { isUtf8 } from 'node:buffer';

const MAX_BYTES = 240;
const MAX_CHARACTERS = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: matches control characters on purpose
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** The beginning of a payload in a readable form: text unchanged, other bytes in hexadecimal digits. */
export function previewOf(payload: Uint8Array): string {
  const head = Buffer.from(payload.buffer, payload.byteOffset, Math.min(payload.byteLength, MAX_BYTES));
  const isCut = payload.byteLength > MAX_BYTES;
  // If the payload continues, its last character, of up to four bytes, may have been cut.
  const text = (isCut ? [0, 1, 2, 3] : [0])
    .map((cut) => head.subarray(0, head.byteLength - cut))
    .find((part) => isUtf8(part))
    ?.toString();
  const isText = text !== undefined && !CONTROL.test(text);
  const shown = isText ? text : head.toString('hex').replaceAll(/(..)(?=.)/g, '$1 ');
  return isCut || shown.length > MAX_CHARACTERS ? `${shown.slice(0, MAX_CHARACTERS)}…` : shown;
}
