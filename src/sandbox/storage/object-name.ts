import { invalid, required } from './storage-error.ts';

const MAX_BYTES = 1024;
const RESERVED = '.well-known/acme-challenge/';

/** Returns a name if the service allows it. https://cloud.google.com/storage/docs/objects#naming */
export function objectName(name: unknown): string {
  if (typeof name !== 'string' || name === '') throw required('name');
  const refused =
    Buffer.byteLength(name) > MAX_BYTES ||
    !name.isWellFormed() ||
    /[\r\n]/.test(name) ||
    name === '.' ||
    name === '..' ||
    name.startsWith(RESERVED);
  if (refused) throw invalid(`Invalid object name: ${JSON.stringify(name)}`);
  return name;
}

/** Throws if the parameter `name` of a URL is not UTF-8, since decoding would lose its bytes. */
export function checkNameIsUtf8(url: string): void {
  const [, raw = ''] = /[?&]name=([^&]*)/.exec(url) ?? [];
  try {
    decodeURIComponent(raw);
  } catch {
    throw invalid('The object name is not valid UTF-8.');
  }
}
