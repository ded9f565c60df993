import { isObject } from './api.ts';

/** Nesting depth of the positions of each shape. */
const DEPTHS: ReadonlyMap<string, number> = new Map(
  Object.entries({ POINT: 0, LINESTRING: 1, POLYGON: 2, MULTIPOINT: 1, MULTILINESTRING: 2, MULTIPOLYGON: 3 }),
);
const COLLECTION = 'GEOMETRYCOLLECTION';
const EMPTY = `${COLLECTION} EMPTY`;
const WKT = /^\s*([a-z]+)\s*(empty|\(.*\))\s*$/is;
const NUMBER = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?`;
const POSITION = new RegExp(String.raw`(${NUMBER})\s+(${NUMBER})`, 'gi');

/**
 * Returns the WKT of a geography given as WKT or a GeoJSON geometry, or undefined. Shapes stay as given, while the
 * service also repairs them and simplifies collections.
 */
export function geographyText(text: string): string | undefined {
  try {
    return text.trimStart().startsWith('{') ? fromGeoJson(JSON.parse(text)) : fromWkt(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function fromWkt(text: string): string {
  const [, name = '', rest = ''] = WKT.exec(text) ?? [];
  const kind = name.toUpperCase();
  const depth = DEPTHS.get(kind);
  if (depth === undefined && kind !== COLLECTION) throw new SyntaxError(`no shape ${name}`);
  if (/^empty$/i.test(rest)) return EMPTY;
  if (depth === undefined) return collection(members(rest.slice(1, -1)).map(fromWkt));
  const positions = rest.replace(POSITION, (_all, x, y) => `[${Number(x)},${Number(y)}]`);
  const nested: unknown = JSON.parse(positions.replaceAll('(', '[').replaceAll(')', ']'));
  if (!Array.isArray(nested)) throw new SyntaxError('no positions');
  // MULTIPOINT((1 2), (3 4)) can also be written MULTIPOINT(1 2, 3 4).
  const points = nested.map((item) => (Array.isArray(item) && Array.isArray(item[0]) ? item[0] : item));
  if (kind === 'POINT' && nested.length !== 1) throw new SyntaxError('a point has one position');
  return shape(kind, kind === 'POINT' ? nested[0] : kind === 'MULTIPOINT' ? points : nested);
}

function fromGeoJson(json: unknown): string {
  if (!isObject(json)) throw new SyntaxError('not an object');
  const kind = String(json.type).toUpperCase();
  if (kind !== COLLECTION) return shape(kind, json.coordinates);
  if (!Array.isArray(json.geometries)) throw new SyntaxError('no geometries');
  return collection(json.geometries.map(fromGeoJson));
}

const collection = (shapes: readonly string[]): string =>
  shapes.length === 0 ? EMPTY : `${COLLECTION}(${shapes.join(', ')})`;

function shape(kind: string, coordinates: unknown): string {
  const depth = DEPTHS.get(kind);
  if (depth === undefined) throw new SyntaxError(`no shape ${kind}`);
  if (Array.isArray(coordinates) && coordinates.length === 0) return EMPTY;
  if (kind === 'LINESTRING' && Array.isArray(coordinates) && coordinates.length < 2) {
    throw new SyntaxError('a line has two positions');
  }
  const text = nestedText(coordinates, depth);
  return depth === 0 ? `${kind}(${text})` : `${kind}${text}`;
}

function nestedText(nested: unknown, depth: number): string {
  if (!Array.isArray(nested)) throw new SyntaxError('no list');
  if (depth > 0) return `(${nested.map((item) => nestedText(item, depth - 1)).join(', ')})`;
  const [longitude, latitude]: unknown[] = nested;
  if (typeof longitude !== 'number' || typeof latitude !== 'number' || nested.length > 2) {
    throw new SyntaxError('no position');
  }
  if (Math.abs(latitude) > 90) throw new SyntaxError('latitudes end at 90 degrees');
  return `${longitude} ${latitude}`;
}

/** Splits a list at commas outside parentheses. */
function members(text: string): string[] {
  const parts: string[] = [];
  let [depth, start] = [0, 0];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '(') depth += 1;
    if (text[at] === ')') depth -= 1;
    if (text[at] !== ',' || depth > 0) continue;
    parts.push(text.slice(start, at));
    start = at + 1;
  }
  return [...parts, text.slice(start)];
}
