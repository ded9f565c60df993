import { invalid } from './storage-error.ts';

export interface Entry<T> {
  readonly name: string;
  /** Orders entries with the same name. */
  readonly generation?: string;
  readonly value: T;
}

const MAX_PAGE_SIZE = 1000;

/** Returns one page of `entries` in the order of their names' UTF-8 bytes: up to `maxResults` after `pageToken`. */
export function pageOf<T>(entries: readonly Entry<T>[], query: URLSearchParams) {
  const size = Math.min(Number(query.get('maxResults')) || MAX_PAGE_SIZE, MAX_PAGE_SIZE);
  const after = parseToken(query.get('pageToken'));
  const rest = entries
    .map((entry) => ({ entry, key: Buffer.from(entry.name), generation: Number(entry.generation ?? 0) }))
    .filter((each) => after === undefined || compare(each, after) > 0)
    .sort(compare);
  const shown = rest.slice(0, size);
  const last = shown.at(-1);
  const nextPageToken = rest.length > size && last !== undefined ? tokenOf(last) : undefined;
  return { values: shown.map(({ entry }) => entry.value), nextPageToken };
}

interface Key {
  readonly key: Buffer;
  readonly generation: number;
}

const compare = (one: Key, other: Key) => Buffer.compare(one.key, other.key) || one.generation - other.generation;

const tokenOf = ({ key, generation }: Key) => Buffer.from(`${generation}/${key}`).toString('base64url');

function parseToken(token: string | null): Key | undefined {
  if (!token) return undefined;
  const [, generation, name] = /^(\d+)\/(.*)$/s.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (name === undefined) throw invalid(`Invalid page token: ${token}`);
  return { key: Buffer.from(name), generation: Number(generation) };
}
