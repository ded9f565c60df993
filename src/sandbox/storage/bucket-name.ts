import { invalid } from './storage-error.ts';

/** One part of a name between dots; dashes may not be next to dots. */
const PART = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/;
const ADDRESS = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const MISSPELLED = /g[o0]{2}g[l1i]e/;

/** Returns a name if the service allows it. https://cloud.google.com/storage/docs/buckets#naming */
export function bucketName(name: string): string {
  const refused =
    name.length < 3 ||
    name.length > 222 ||
    !name.split('.').every((part) => PART.test(part)) ||
    ADDRESS.test(name) ||
    name.startsWith('goog') ||
    MISSPELLED.test(name);
  if (refused) throw invalid(`Invalid bucket name: '${name}'`);
  return name;
}
