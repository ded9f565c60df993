import { DuckDBListValue, DuckDBStructValue, type DuckDBValue, listValue, structValue } from '@duckdb/node-api';
import { isObject } from './api.ts';
import { type Field, scalarType } from './schema.ts';

/** Why a row was refused, in the service's words; `location` is the path of the field, e.g. `fields[0].value`. */
export class RowProblem extends Error {
  readonly location: string;

  constructor(location: string, message: string) {
    super(message);
    this.location = location;
  }
}

/** Reads a row of insertAll, or the record at `path`: values in the order of `fields`. Throws a RowProblem. */
export function readRow(fields: readonly Field[], json: unknown, ignoreUnknown: boolean, path = ''): DuckDBValue[] {
  if (!isObject(json)) throw new RowProblem(path, 'A record must be a JSON object.');
  const unknown = ignoreUnknown ? undefined : Object.keys(json).find((key) => !fields.some(({ name }) => name === key));
  if (unknown !== undefined) throw new RowProblem(path + unknown, `no such field: ${unknown}.`);
  return fields.map((field) => {
    const at = path + field.name;
    const value = json[field.name] ?? (field.mode === 'REPEATED' ? [] : null);
    if (value === null && field.mode !== 'REQUIRED') return null;
    if (value === null) throw new RowProblem('', `Missing required field: Msg_0_CLOUD_QUERY_TABLE.${at}.`);
    if (field.mode !== 'REPEATED') return readValue(field, value, ignoreUnknown, at);
    if (!Array.isArray(value)) throw new RowProblem(at, 'Repeated field must be imported as a JSON array.');
    return listValue(value.map((item: unknown, index) => readValue(field, item, ignoreUnknown, `${at}[${index}]`)));
  });
}

function readValue({ name, type, fields }: Field, value: unknown, ignoreUnknown: boolean, path: string): DuckDBValue {
  if (Array.isArray(value)) throw new RowProblem(path, `Array specified for non-repeated field: ${name}.`);
  if (fields !== undefined) {
    const values = readRow(fields, value, ignoreUnknown, `${path}.`);
    return structValue(Object.fromEntries(fields.map((field, at) => [field.name, values[at] ?? null])));
  }
  if (typeof value === 'object') throw new RowProblem(path, `This field: ${name} is not a record.`);
  const { read, refusal } = scalarType(type);
  const result = read(`${value}`, value);
  if (result === undefined) throw new RowProblem(path, refusal(`${value}`));
  return result;
}

/** A row as tabledata.list and the results of queries carry it; timestamps in microseconds, or as float seconds. */
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
