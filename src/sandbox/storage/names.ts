import { invalid } from './storage-error.ts';

const BUCKET_COMPONENT = /^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/;
const IP_ADDRESS = /^\d{1,3}(\.\d{1,3}){3}$/;
const MAX_OBJECT_NAME_BYTES = 1024;

/**
 * Throws unless `name` may name a bucket: 3 to 63 characters (222 with dots, 63 between two dots), lower case letters,
 * digits, `-`, `_` and `.`, no IP address, no `goog` in front, no `google` inside.
 * https://cloud.google.com/storage/docs/buckets#naming
 */
export function checkBucketName(name: string): void {
  const fine =
    name.length >= 3 &&
    name.length <= 222 &&
    name.split('.').every((component) => BUCKET_COMPONENT.test(component)) &&
    !IP_ADDRESS.test(name) &&
    !name.startsWith('goog') &&
    !/google|g00gle/.test(name);
  if (!fine) throw invalid(`Invalid bucket name: '${name}'`);
}

/**
 * Throws unless `name` may name an object: 1 to 1,024 bytes of UTF-8, no line ends, neither `.` nor `..`.
 * https://cloud.google.com/storage/docs/objects#naming
 */
export function checkObjectName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes > MAX_OBJECT_NAME_BYTES) {
    throw invalid(`The maximum object length is 1024 characters, but got a name with ${bytes} characters.`);
  }
  const forbidden = name === '.' || name === '..' || name.startsWith('.well-known/acme-challenge/');
  if (forbidden || /[\r\n]/.test(name)) throw invalid(`Disallowed unicode characters present in object name '${name}'`);
}

/** Orders names as Cloud Storage lists them: by their UTF-8 bytes, which is not how JavaScript compares strings. */
export function byUtf8(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
