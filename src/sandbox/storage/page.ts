import { byUtf8 } from './names.ts';
import { invalid } from './storage-error.ts';

const MAX_PAGE_SIZE = 1000;

/** `maxResults` of a list call: at most, and by default, 1,000. */
export function pageSize(query: URLSearchParams): number {
  const text = query.get('maxResults');
  if (text === null) return MAX_PAGE_SIZE;
  if (!/^\d+$/.test(text) || Number(text) === 0) throw invalid(`Invalid value for maxResults: '${text}'`);
  return Math.min(Number(text), MAX_PAGE_SIZE);
}

/** The `size` keys that come after the page that `token` ended, in the order of their UTF-8 bytes. */
export function page(keys: Iterable<string>, token: string | null, size: number) {
  const after = token === null || token === '' ? undefined : Buffer.from(token, 'base64url').toString();
  const rest = [...keys].filter((key) => after === undefined || byUtf8(key, after) > 0).sort(byUtf8);
  const shown = rest.slice(0, size);
  const last = shown.at(-1);
  const more = rest.length > shown.length && last !== undefined;
  return { keys: shown, ...(more ? { nextPageToken: Buffer.from(last).toString('base64url') } : {}) };
}
