import { invalidArgument } from './rpc.ts';

const MAX_PAGE_SIZE = 1000;

export interface PageRequest {
  readonly pageSize?: number | null;
  readonly pageToken?: string | null;
}

/** One page of `items` by their names' order; the token is the last name of the page before. */
export function page<T>(items: Iterable<T>, nameOf: (item: T) => string, request: PageRequest): [T[], string] {
  const size = request.pageSize ?? 0;
  if (size < 0) throw invalidArgument('The page size is negative.');
  const after = Buffer.from(request.pageToken ?? '', 'base64url').toString();
  if (request.pageToken && !after.startsWith('projects/')) throw invalidArgument('The page token is invalid.');
  const rest = Array.from(items)
    .filter((item) => nameOf(item) > after)
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const found = rest.slice(0, Math.min(size || MAX_PAGE_SIZE, MAX_PAGE_SIZE));
  const last = found.at(-1);
  const token = last === undefined || found.length === rest.length ? '' : nameOf(last);
  return [found, Buffer.from(token).toString('base64url')];
}
