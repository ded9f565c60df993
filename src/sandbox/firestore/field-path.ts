import type { DocumentMask, Fields, Value } from './messages.ts';
import { invalidArgument } from './rpc-error.ts';

const SEGMENT = /(?:([a-zA-Z_][a-zA-Z_0-9]*)|`((?:[^`\\]|\\.)+)`)(\.|$)/sy;

/** Splits a field path at its dots; a segment with special characters is quoted: `` a.`b.c`.d ``. */
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

export function getField(fields: Fields, [first = '', ...rest]: readonly string[]): Value | undefined {
  const value = Object.hasOwn(fields, first) ? fields[first] : undefined;
  return rest.length === 0 ? value : getField(value?.mapValue?.fields ?? {}, rest);
}

/**
 * Sets `value` at the path in `fields`, or removes it if undefined. Replaces anything but a map on the way with a map.
 */
export function withField(fields: Fields, [first = '', ...rest]: readonly string[], value: Value | undefined): Fields {
  const { [first]: current, ...others } = fields;
  if (rest.length === 0) return value === undefined ? others : { ...others, [first]: value };
  if (!current?.mapValue && value === undefined) return fields;
  return { ...others, [first]: { mapValue: { fields: withField(current?.mapValue?.fields ?? {}, rest, value) } } };
}

/** Copies the masked fields of `from` to `to`, removing those missing in `from`; without a mask, returns `from`. */
export function copyFields(from: Fields, to: Fields, mask: DocumentMask | null | undefined): Fields {
  if (!mask) return from;
  const paths = (mask.fieldPaths ?? []).map(parseFieldPath);
  return paths.reduce((fields, path) => withField(fields, path, getField(from, path)), to);
}
