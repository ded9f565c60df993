import { type JsonObject, mergePatch } from './json-object.ts';
import { StorageError } from './storage-error.ts';

/** A bucket or an object as the JSON API shows it. */
export interface Resource extends JsonObject {
  readonly name: string;
  /** Microseconds since 1970, and always growing. */
  readonly generation: string;
  /** 1, and one more with every patch. */
  readonly metageneration: string;
}

let lastGeneration = 0;

export function createResource(name: string, fields: JsonObject): Resource {
  lastGeneration = Math.max(lastGeneration + 1, Date.now() * 1000);
  const updated = new Date().toISOString();
  const decided = { name, generation: String(lastGeneration), metageneration: '1', timeCreated: updated, updated };
  return { ...mergePatch({}, fields), ...decided };
}

/** Answers a patch with what becomes of the bucket or object that `holder` holds. */
export function patchResource(holder: { resource: Resource }, query: URLSearchParams, patch: JsonObject): Response {
  const { name, generation, metageneration } = holder.resource;
  checkPreconditions(query, holder.resource);
  const decided = { name, generation, metageneration: String(Number(metageneration) + 1) };
  holder.resource = { ...mergePatch(holder.resource, patch), ...decided, updated: new Date().toISOString() };
  return Response.json(holder.resource);
}

/**
 * Throws unless the `if…Match` parameters of a call hold for `current`: 412, or 304 for a read whose `if…NotMatch`
 * fails. What does not exist has generation 0. https://cloud.google.com/storage/docs/request-preconditions
 */
export function checkPreconditions(query: URLSearchParams, current: Resource | undefined, reading = false): void {
  const { generation = '0', metageneration = '0' } = current ?? {};
  for (const [kind, actual] of Object.entries({ Generation: generation, Metageneration: metageneration })) {
    const differs = (query.get(`if${kind}Match`) ?? actual) !== actual;
    const same = query.get(`if${kind}NotMatch`) === actual;
    if (same && reading) throw new StorageError(304, 'notModified', 'Not Modified');
    if (!differs && !same) continue;
    throw new StorageError(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.');
  }
}

const MAX_PAGE_SIZE = 1000;

/** One page of those names that begin with `prefix`, by their UTF-8 bytes: up to `maxResults` after `pageToken`. */
export function pageOf(names: Iterable<string>, query: URLSearchParams) {
  const size = Math.min(Number(query.get('maxResults')) || MAX_PAGE_SIZE, MAX_PAGE_SIZE);
  const after = Buffer.from(query.get('pageToken') ?? '', 'base64url');
  const rest = Array.from(names, (name) => Buffer.from(name))
    .filter((name) => name.toString().startsWith(query.get('prefix') ?? '') && Buffer.compare(name, after) > 0)
    .sort(Buffer.compare);
  const shown = rest.slice(0, size);
  const nextPageToken = rest.length > size ? shown.at(-1)?.toString('base64url') : undefined;
  return { names: shown.map(String), nextPageToken };
}
