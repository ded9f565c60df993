import type { Clock } from './clock.ts';
import type { JsonObject } from './json-object.ts';
import { conditionNotMet, StorageError } from './storage-error.ts';

/** A stored bucket or object: the fields set by callers and by the service. */
export interface Resource extends JsonObject {
  readonly name: string;
  /** Microseconds since 1970, strictly increasing. */
  readonly generation: string;
  /** 1, increased by every patch. */
  readonly metageneration: string;
}

export function createResource(name: string, fields: JsonObject, clock: Clock): Resource {
  const updated = clock.timestamp();
  return {
    name,
    ...fields,
    generation: clock.nextGeneration(),
    metageneration: '1',
    timeCreated: updated,
    updated,
  };
}

/** Returns `resource` after a patch of `fields`; undefined removes a field. */
export function updateResource(resource: Resource, fields: JsonObject, clock: Clock): Resource {
  const metageneration = String(Number(resource.metageneration) + 1);
  return { ...resource, ...fields, metageneration, updated: clock.timestamp() };
}

/** Changes with each generation and metageneration. */
export const etagOf = ({ generation, metageneration }: Resource): string =>
  Buffer.from(`${generation}/${metageneration}`).toString('base64');

/**
 * Throws unless the `if…Match` parameters and ETag headers of a call match `current`: 412, or 304 for a read with a
 * failed `if…NotMatch`. A missing resource has generation 0.
 * https://cloud.google.com/storage/docs/request-preconditions
 */
export function checkPreconditions(
  { query, headers }: { readonly query: URLSearchParams; readonly headers: Headers },
  current: Resource | undefined,
  reading = false,
): void {
  const { generation = '0', metageneration = '0' } = current ?? {};
  let differs = false;
  let same = false;
  for (const [kind, actual] of [
    ['Generation', generation],
    ['Metageneration', metageneration],
  ] as const) {
    differs ||= (query.get(`if${kind}Match`) ?? actual) !== actual;
    same ||= query.get(`if${kind}NotMatch`) === actual;
  }
  const ifMatch = headers.get('if-match');
  const ifNoneMatch = headers.get('if-none-match');
  if (ifMatch) differs ||= !namesEtag(ifMatch, current);
  if (ifNoneMatch) same ||= namesEtag(ifNoneMatch, current);
  if (same && reading) throw new StorageError(304, 'notModified', 'Not Modified');
  if (differs || same) throw conditionNotMet();
}

function namesEtag(header: string, current: Resource | undefined): boolean {
  if (current === undefined) return false;
  return header.split(',').some((part) => ['*', etagOf(current)].includes(part.trim().replaceAll('"', '')));
}
