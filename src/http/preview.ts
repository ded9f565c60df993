import { isUtf8 } from 'node:buffer';

const MAX_BYTES = 240;
const MAX_CHARACTERS = 200;

/** The beginning of a payload for people: text as it is, other bytes in hexadecimal digits. */
export function previewOf(payload: Uint8Array): string {
  const head = Buffer.from(payload.buffer, payload.byteOffset, Math.min(payload.byteLength, MAX_BYTES));
  // The last character may have been cut.
  const text = [0, 1, 2, 3].map((cut) => head.subarray(0, head.byteLength - cut)).find((part) => isUtf8(part));
  const shown = text === undefined ? head.toString('hex').replaceAll(/(..)(?=.)/g, '$1 ') : text.toString();
  const isCut = shown.length > MAX_CHARACTERS || payload.byteLength > MAX_BYTES;
  return isCut ? `${shown.slice(0, MAX_CHARACTERS)}…` : shown;
}
