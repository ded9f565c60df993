import type { DocumentMask, Fields, Value } from './messages.ts';
import { invalidArgument } from './rpc-error.ts';

const SEGMENT = /(?:([a-zA-Z_][a-zA-Z_0-9]*)|`((?:[^`\\]|\\.)+)`)(\.|$)/sy;

/** Splits a field path at its dots; a segment with other characters than a name's is quoted: `` a.`b.c`.d ``. */
export function parseFieldPath(path: string): string[] {
  const segments: string[] = [];
  SEGMENT.lastIndex = 0;
  for (;;) {
    const match = SEGMENT.exec(path);
    if (match === null) throw invalidArgument(`Invalid property path "${path}".`);
    segments.push(match[1] ?? (match[2] ?? '').replace(/\\(.)/gs, '$1'));
    if (match[3] === '') return segments;
  }
}

const fieldsIn = (value: Value | undefined): Fields | undefined =>
  value?.valueType === 'mapValue' ? (value.mapValue.fields ?? {}) : undefined;

export function getField(fields: Fields, path: readonly string[]): Value | undefined {
  const [first = '', ...rest] = path;
  const value = Object.hasOwn(fields, first) ? fields[first] : undefined;
  if (rest.length === 0) return value;
  const inner = fieldsIn(value);
  return inner && getField(inner, rest);
}

/** `fields` with `value` at `path`, or without what is there; what is no map on the way there is replaced by one. */
export function withField(fields: Fields, path: readonly string[], value: Value | undefined): Fields {
  const [first = '', ...rest] = path;
  const { [first]: current, ...others } = fields;
  if (rest.length === 0) return value === undefined ? others : { ...others, [first]: value };
  const inner = fieldsIn(current);
  if (inner === undefined && value === undefined) return fields;
  return { ...others, [first]: { valueType: 'mapValue', mapValue: { fields: withField(inner ?? {}, rest, value) } } };
}

/** The fields that a read with this mask shows; no mask shows all. */
export function project(fields: Fields, mask: DocumentMask | undefined): Fields {
  if (mask === undefined) return fields;
  let shown: Fields = {};
  for (const path of (mask.fieldPaths ?? []).map(parseFieldPath)) {
    const value = getField(fields, path);
    if (value !== undefined) shown = withField(shown, path, value);
  }
  return shown;
}

/** `current` after an update with this mask: masked fields are taken from `update`, or removed if it lacks them. */
export function applyMask(current: Fields, update: Fields, mask: DocumentMask): Fields {
  const paths = (mask.fieldPaths ?? []).map(parseFieldPath);
  return paths.reduce((fields, path) => withField(fields, path, getField(update, path)), current);
}
