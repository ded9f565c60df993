import { createHash } from 'node:crypto';
import { ApiError, invalid } from './api-error.ts';
import { mergePatch, objectAt, pick } from './json.ts';
import type { Call } from './route.ts';

const ROOT = 'https://bigquery.googleapis.com/bigquery/v2';
const MAX_PAGE = 1000;

export const selfLink = (path: string): string => `${ROOT}/projects/${path}`;

/** A resource with its etag put first. */
export function withEtag(resource: Record<string, unknown>): Record<string, unknown> {
  const etag = createHash('md5').update(JSON.stringify(resource)).digest('base64');
  return { kind: resource.kind, etag, ...resource };
}

/** Refuses a change that was asked for with an If-Match of another version than `etag`. */
export function checkIfMatch(call: Call, etag: unknown): void {
  const wanted = call.header('if-match');
  if (wanted !== undefined && wanted !== '*' && wanted !== etag) {
    throw new ApiError(412, 'conditionNotMet', 'FAILED_PRECONDITION', 'Precondition check failed.', 'If-Match');
  }
}

/** Those keys of a request's body that its sender may write; numbers go out as the strings that the API has for int64. */
export function writable(body: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  const metadata = pick(body, keys);
  for (const key of ['expirationTime', 'defaultTableExpirationMs', 'defaultPartitionExpirationMs']) {
    if (typeof metadata[key] === 'number') metadata[key] = String(metadata[key]);
  }
  const labels = objectAt(metadata, 'labels');
  for (const [key, value] of Object.entries(labels)) {
    const valid = /^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u.test(key);
    if (!valid || (value !== null && !/^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u.test(String(value)))) {
      throw invalid(`Label "${key}":"${value}" is invalid: only lowercase letters, digits, "_" and "-", at most 63.`);
    }
  }
  return metadata;
}

/** The metadata after a PATCH with `body`. */
export const patched = (
  metadata: Record<string, unknown>,
  body: Record<string, unknown>,
  keys: readonly string[],
): Record<string, unknown> => mergePatch(metadata, writable(body, keys));

/** A non-negative integer among the query parameters. */
export function integerQuery(call: Call, name: string): number | undefined {
  const text = call.query(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw invalid(`Invalid value for ${name}: ${text} is not a valid value`);
  return Number(text);
}

/** The slice of a list that `maxResults` and `pageToken` ask for, and the token of the next. */
export function pageOf<T>(call: Call, items: readonly T[]): { page: T[]; next: Record<string, string> } {
  const from = integerQuery(call, 'pageToken') ?? 0;
  const to = from + Math.min(integerQuery(call, 'maxResults') ?? MAX_PAGE, MAX_PAGE);
  return { page: items.slice(from, to), next: to < items.length ? { nextPageToken: String(to) } : {} };
}
