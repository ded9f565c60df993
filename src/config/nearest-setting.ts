import { editDistance } from '../util/edit-distance.ts';
import { childrenOf, itemOf } from './schema-walk.ts';

/** Below it a schema that contains itself ends. */
const MAX_DEPTH = 8;
/** Shorter names are near to too many others. */
const LEAST_LETTERS = 3;

/**
 * Returns the setting that an unknown name was probably meant for, as a path; undefined if none is near. A name in the same group goes
 * before the same name elsewhere: `source.maxInflight` is `source.maxInFlight`, and so is `maxInFlight` alone.
 *
 * @param path the unknown setting, as the names that lead to it.
 */
export function nearestSetting(schema: unknown, path: readonly string[]): string | undefined {
  const name = plain(path.at(-1) ?? '');
  if (name.length < LEAST_LETTERS) return undefined;
  const above: string[] = [];
  let parent = schema;
  for (const key of path.slice(0, -1)) {
    const [known, inner] = below(parent, key);
    above.push(known);
    parent = inner;
  }
  const beside = nearest(
    name,
    entriesOf(parent).map(([each]) => [...above, each]),
  );
  return beside ?? nearest(name, [...paths(schema, [])], 1);
}

/** Names are compared without case and underscores: `max_in_flight` is `maxInFlight`. */
function plain(name: string): string {
  return name.replaceAll(/[_-]/g, '').toLowerCase();
}

function nearest(name: string, candidates: readonly (readonly string[])[], most = allowed(name)): string | undefined {
  let found: string | undefined;
  let least = most + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name, plain(candidate.at(-1) ?? ''), least);
    if (distance >= least) continue;
    least = distance;
    found = candidate.join('.');
  }
  return found;
}

/** A third of the letters may be wrong. */
function allowed(name: string): number {
  return Math.max(1, Math.floor(name.length / 3));
}

function entriesOf(schema: unknown): [name: string, schema: unknown][] {
  const children = childrenOf(schema);
  return children.kind === 'entries' ? Object.entries(children.entries) : [];
}

/** The setting of that name, as the schema writes it, and its schema. */
function below(schema: unknown, key: string): [name: string, schema: unknown] {
  const children = childrenOf(schema);
  if (children.kind === 'record') return [key, children.value];
  return entriesOf(schema).find(([name]) => plain(name) === plain(key)) ?? [key, itemOf(schema)];
}

/** The paths of all settings; `<name>` stands for a user-defined name. */
function* paths(schema: unknown, above: readonly string[]): Generator<readonly string[]> {
  if (above.length > MAX_DEPTH) return;
  const children = childrenOf(schema);
  if (children.kind === 'record') yield* paths(children.value, [...above, '<name>']);
  for (const [name, inner] of entriesOf(schema)) {
    yield [...above, name];
    yield* paths(inner, [...above, name]);
  }
}
