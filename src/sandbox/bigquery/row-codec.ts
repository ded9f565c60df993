import { DuckDBListValue, DuckDBStructValue, type DuckDBValue, listValue, structValue } from '@duckdb/node-api';
import { isObject } from './api.ts';
import { WideNumber } from './lossless-json.ts';
import { canonicalType, scalarType } from './scalar-types.ts';
import type { Field } from './schema.ts';

/**
 * Why a row was refused, in the service's words; `location` is the path of the field, for example `fields[0].value`.
 */
export class RowProblem extends Error {
  readonly location: string;

  constructor(location: string, message: string) {
    super(message);
    this.location = location;
  }
}

/** Thrown for a number that lost digits when the request was parsed: its rows are read again from a lossless parse. */
export class LostDigits extends Error {}

export interface RowOptions {
  readonly ignoreUnknown: boolean;
  /** True if the rows come from a lossless parse. */
  readonly isLossless: boolean;
  /** Columns that are currently refused as unknown. */
  readonly hidden?: ReadonlySet<string>;
}

/** Reads a row of insertAll: values in the order of `fields`. Throws a RowProblem, or LostDigits. */
export function readRow(fields: readonly Field[], json: unknown, options: RowOptions): DuckDBValue[] {
  return readRecord(fields, json, options, '');
}

function readRecord(fields: readonly Field[], json: unknown, options: RowOptions, path: string): DuckDBValue[] {
  if (!isObject(json) || json instanceof WideNumber) {
    throw new RowProblem(path.replace(/\.$/, ''), 'A record must be a JSON object.');
  }
  const hidden = path === '' ? options.hidden : undefined;
  if (!options.ignoreUnknown) refuseUnknown(fields, json, hidden, path);
  return fields.map((field) => {
    const at = path + field.name;
    const given = hidden?.has(field.name) ? undefined : memberOf(json, field.name);
    const value = given ?? (field.mode === 'REPEATED' ? [] : null);
    if (value === null && field.mode !== 'REQUIRED') return null;
    if (value === null) throw new RowProblem('', `Missing required field: Msg_0_CLOUD_QUERY_TABLE.${at}.`);
    if (field.mode !== 'REPEATED') return readValue(field, value, options, at);
    if (!Array.isArray(value)) throw new RowProblem(at, 'Repeated field must be imported as a JSON array.');
    return listValue(value.map((item: unknown, index) => readItem(field, item, options, `${at}[${index}]`)));
  });
}

function refuseUnknown(
  fields: readonly Field[],
  json: Record<string, unknown>,
  hidden: RowOptions['hidden'],
  path: string,
) {
  for (const key in json) {
    const isKnown = fields.some(({ name }) => name === key) && !hidden?.has(key);
    if (!isKnown) throw new RowProblem(path + key, `no such field: ${key}.`);
  }
}

/** Returns a member of a parsed object, or undefined; ignores inherited members such as `constructor`. */
function memberOf(json: Record<string, unknown>, name: string): unknown {
  const value = json[name];
  return typeof value === 'function' || value === Object.prototype ? undefined : value;
}

function readItem(field: Field, item: unknown, options: RowOptions, path: string): DuckDBValue {
  if (item !== null) return readValue(field, item, options, path);
  throw new RowProblem(path, `Only optional fields can be set to NULL. Field: ${field.name}; Value: NULL`);
}

function readValue({ name, type, fields }: Field, given: unknown, options: RowOptions, path: string): DuckDBValue {
  if (Array.isArray(given)) throw new RowProblem(path, `Array specified for non-repeated field: ${name}.`);
  if (fields !== undefined) {
    const values = readRecord(fields, given, options, `${path}.`);
    return structValue(Object.fromEntries(fields.map((field, at) => [field.name, values[at] ?? null])));
  }
  if (typeof given === 'number' && !options.isLossless && !(Math.abs(given) <= Number.MAX_SAFE_INTEGER)) {
    throw new LostDigits();
  }
  const json = given instanceof WideNumber ? Number(given.source) : given;
  if (typeof json === 'object') throw new RowProblem(path, `This field: ${name} is not a record.`);
  const { read, refusal } = scalarType(type);
  const text = `${given}`;
  const result = read(text, json);
  if (result === undefined) throw new RowProblem(path, refusal(text, json));
  return result;
}

/** True if the column's JSON numbers lose significant digits when read as doubles. */
export const hasFractions = ({ type, fields = [] }: Field): boolean =>
  /NUMERIC$/.test(canonicalType(type)) || fields.some(hasFractions);

/** Formats a row as in tabledata.list and query results; timestamps in microseconds, or as float seconds. */
export const wireRow = (fields: readonly Field[], values: readonly DuckDBValue[], int64Timestamps: boolean) => ({
  f: fields.map((field, at) => wireCell(field, values[at] ?? null, int64Timestamps)),
});

function wireCell(field: Field, value: DuckDBValue, int64Timestamps: boolean): { v: unknown } {
  if (value === null) return { v: field.mode === 'REPEATED' ? [] : null };
  if (value instanceof DuckDBListValue) {
    return { v: value.items.map((item) => wireCell({ ...field, mode: 'NULLABLE' }, item, int64Timestamps)) };
  }
  const { type, fields = [] } = field;
  const values = value instanceof DuckDBStructValue ? fields.map(({ name }) => value.entries[name] ?? null) : [];
  if (type === 'RECORD') return { v: wireRow(fields, values, int64Timestamps) };
  return { v: scalarType(type).write?.(value, int64Timestamps) ?? `${value}` };
}
