import { utcTime } from '../../core/message.ts';
import { isJsonObject } from '../../util/json/lossless-json.ts';
import { columnNames } from './column-names.ts';

type ScalarType = 'INT64' | 'FLOAT64' | 'NUMERIC' | 'BOOL' | 'STRING' | 'TIMESTAMP';

/** The kind of a value, or of several values at the same position. */
type Kind =
  | { readonly kind: 'null' | 'mixed' }
  | { readonly kind: 'scalar'; readonly type: ScalarType }
  | { readonly kind: 'record'; readonly members: ReadonlyMap<string, Kind> }
  | { readonly kind: 'list'; readonly item: Kind };

/** A column of `table.schema`, as a pipeline's YAML has it. */
export interface InferredColumn {
  readonly name: string;
  readonly type: ScalarType | 'JSON' | 'RECORD';
  readonly mode?: 'REPEATED';
  readonly from?: string;
  readonly fields?: readonly InferredColumn[];
}

const INTEGER = /^-?\d+$/;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
/** https://docs.cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types */
const NUMERIC_DIGITS = 29;
/** https://docs.cloud.google.com/bigquery/docs/nested-repeated#limitations */
const MAX_NESTING = 15;

/**
 * Infers the columns of a table from a sample payload, parsed by `parseExact`. Members of an object become columns; any
 * other payload becomes one. Null, empty lists and objects, and lists of different things become JSON.
 *
 * @param taken column names already in use; a member with such a name gets the prefix `payload_`.
 * @param leaveOut members that do not become columns.
 */
export function inferColumns(
  sample: unknown,
  taken: readonly string[] = [],
  leaveOut: readonly string[] = [],
): InferredColumn[] {
  const kind = kindOf(sample);
  if (kind.kind === 'record' && kind.members.size > 0) {
    const members = [...kind.members].filter(([name]) => !leaveOut.includes(name));
    return columnsOf(members, 'payload', taken, 1);
  }
  if (kind.kind === 'scalar') return [{ name: 'value', type: kind.type, from: 'payload' }];
  return [{ name: 'payload', type: 'JSON', from: 'payload' }];
}

function columnsOf(
  members: readonly (readonly [string, Kind])[],
  root: 'payload' | 'record',
  taken: readonly string[],
  depth: number,
): InferredColumn[] {
  const names = columnNames(
    members.map(([name]) => name),
    taken,
  );
  return members.map(([member, kind], index) => {
    const name = names[index] ?? member;
    const from = name === member ? {} : { from: pathTo(root, member) };
    return { name, ...typeOf(kind, depth), ...from };
  });
}

function typeOf(kind: Kind, depth: number): Omit<InferredColumn, 'name' | 'from'> {
  switch (kind.kind) {
    case 'scalar':
      return { type: kind.type };
    case 'record':
      if (kind.members.size === 0 || depth === MAX_NESTING) return { type: 'JSON' };
      return { type: 'RECORD', fields: columnsOf([...kind.members], 'record', [], depth + 1) };
    case 'list': {
      const item = kind.item.kind === 'list' ? undefined : typeOf(kind.item, depth);
      return item === undefined || item.type === 'JSON' ? { type: 'JSON' } : { ...item, mode: 'REPEATED' };
    }
    default:
      return { type: 'JSON' };
  }
}

/** `payload["a.b"]`. Escaped so that `${…}` in a name is not read as a placeholder. */
function pathTo(root: string, member: string): string {
  return `${root}[${JSON.stringify(member).replaceAll('$', '\\u0024')}]`;
}

function kindOf(value: unknown): Kind {
  if (value === null) return { kind: 'null' };
  if (Array.isArray(value)) {
    // BigQuery has no NULL in lists.
    const kinds = value.map((item): Kind => (item === null ? { kind: 'mixed' } : kindOf(item)));
    return { kind: 'list', item: kinds.length === 0 ? { kind: 'mixed' } : kinds.reduce(merged) };
  }
  if (isJsonObject(value)) {
    return { kind: 'record', members: new Map(Object.entries(value).map(([name, member]) => [name, kindOf(member)])) };
  }
  return { kind: 'scalar', type: scalarType(value) };
}

function scalarType(value: unknown): ScalarType {
  if (typeof value === 'boolean') return 'BOOL';
  if (typeof value === 'string') return utcTime(value) === undefined ? 'STRING' : 'TIMESTAMP';
  const text = String(value);
  if (INTEGER.test(text)) {
    const integer = BigInt(text);
    if (integer >= MIN_INT64 && integer <= MAX_INT64) return 'INT64';
    return text.replace('-', '').length <= NUMERIC_DIGITS ? 'NUMERIC' : 'STRING';
  }
  return Number.isFinite(Number(text)) ? 'FLOAT64' : 'STRING';
}

function merged(one: Kind, other: Kind): Kind {
  if (one.kind === 'null') return other;
  if (other.kind === 'null') return one;
  if (one.kind === 'scalar' && other.kind === 'scalar') {
    if (one.type === other.type) return one;
    const types = [one.type, other.type];
    if (types.every((type) => type === 'INT64' || type === 'FLOAT64')) return { kind: 'scalar', type: 'FLOAT64' };
    if (types.every((type) => type === 'STRING' || type === 'TIMESTAMP')) return { kind: 'scalar', type: 'STRING' };
  }
  if (one.kind === 'list' && other.kind === 'list') return { kind: 'list', item: merged(one.item, other.item) };
  if (one.kind === 'record' && other.kind === 'record') {
    const members = new Map(one.members);
    for (const [name, kind] of other.members) {
      const known = members.get(name);
      members.set(name, known === undefined ? kind : merged(known, kind));
    }
    return { kind: 'record', members };
  }
  return { kind: 'mixed' };
}
