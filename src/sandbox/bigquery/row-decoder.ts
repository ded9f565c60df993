import {
  blobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBValue,
  listValue,
  structValue,
} from '@duckdb/node-api';
import { parseDate, parseDateTime, parseTime, parseTimestamp, timestampOfSeconds } from './cell-text.ts';
import { isObject } from './json.ts';
import type { Field } from './schema.ts';

/** Why a row was refused; `location` is the path of the field, e.g. `fields[0].value`. */
export class RowProblem extends Error {
  location: string;

  constructor(message: string, location = '') {
    super(message);
    this.location = location;
  }
}

/** Turns one row of insertAll into DuckDB values in the order of the columns, or throws a RowProblem. */
export type RowDecoder = (json: unknown, ignoreUnknown: boolean) => DuckDBValue[];

type CellDecoder = (value: unknown, ignoreUnknown: boolean) => DuckDBValue;

const INT64 = /^[+-]?\d{1,19}$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const NUMERIC = /^([+-]?)(\d{1,29})(?:\.(\d{0,9}))?$/;
const BASE64 = /^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}(?:==)?|[A-Za-z0-9+/_-]{3}=?)?$/;
const MAX_INT64 = 2n ** 63n - 1n;

const badValue = (kind: string, value: unknown): RowProblem =>
  new RowProblem(`Cannot convert value to ${kind} (bad value): ${value}`);

function decodeInteger(value: unknown): DuckDBValue {
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 63) return BigInt(value);
  const parsed = typeof value === 'string' && INT64.test(value) ? BigInt(value) : undefined;
  if (parsed === undefined || parsed > MAX_INT64 || parsed < -MAX_INT64 - 1n) throw badValue('integer', value);
  return parsed;
}

function decodeFloat(value: unknown): DuckDBValue {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') {
    if (NUMBER.test(value)) return Number(value);
    const special = /^([+-]?)(?:(nan)|inf(?:inity)?)$/i.exec(value);
    if (special !== null) return special[2] !== undefined ? Number.NaN : special[1] === '-' ? -Infinity : Infinity;
  }
  throw badValue('floating point', value);
}

function decodeBoolean(value: unknown): DuckDBValue {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  throw badValue('boolean', value);
}

function decodeNumeric(value: unknown): DuckDBValue {
  const match = NUMERIC.exec(typeof value === 'number' ? value.toFixed(9) : String(value));
  if (match === null || typeof value === 'boolean') throw new RowProblem(`Invalid NUMERIC value: ${value}`);
  return new DuckDBDecimalValue(BigInt(`${match[1]}${match[2]}${(match[3] ?? '').padEnd(9, '0')}`), 38, 9);
}

function decodeTimestamp(value: unknown): DuckDBValue {
  let micros: bigint | undefined;
  if (typeof value === 'number') micros = timestampOfSeconds(value);
  else if (typeof value === 'string') {
    micros = NUMBER.test(value) ? timestampOfSeconds(Number(value)) : parseTimestamp(value);
  }
  if (micros === undefined) {
    throw new RowProblem(
      `Could not parse '${value}' as a timestamp. Required format is YYYY-MM-DD HH:MM[:SS[.SSSSSS]] or YYYY/MM/DD HH:MM[:SS[.SSSSSS]]`,
    );
  }
  return new DuckDBTimestampTZValue(micros);
}

function parsedText<T>(kind: string, value: unknown, parse: (text: string) => T | undefined): T {
  const parsed = typeof value === 'string' ? parse(value) : undefined;
  if (parsed === undefined) throw new RowProblem(`Invalid ${kind}: '${value}'`);
  return parsed;
}

function decodeJson(value: unknown): DuckDBValue {
  if (typeof value !== 'string') return JSON.stringify(value);
  try {
    JSON.parse(value);
    return value;
  } catch (error) {
    throw new RowProblem(`Invalid JSON: ${error instanceof Error ? error.message : error}`);
  }
}

function decodeBytes(value: unknown): DuckDBValue {
  if (typeof value === 'string' && BASE64.test(value)) return blobValue(Buffer.from(value, 'base64'));
  throw new RowProblem('Could not decode base64 string to bytes.');
}

function decodeString(value: unknown): DuckDBValue {
  if (typeof value === 'boolean') throw new RowProblem('Conversion from bool to std::string is unsupported.');
  return String(value);
}

function scalarDecoder(type: Exclude<Field['type'], 'RECORD'>): CellDecoder {
  switch (type) {
    case 'STRING':
      return (value) => (typeof value === 'string' ? value : decodeString(value));
    case 'BYTES':
      return decodeBytes;
    case 'INTEGER':
      return decodeInteger;
    case 'FLOAT':
      return decodeFloat;
    case 'NUMERIC':
      return decodeNumeric;
    case 'BOOLEAN':
      return decodeBoolean;
    case 'TIMESTAMP':
      return decodeTimestamp;
    case 'DATE':
      return (value) => new DuckDBDateValue(parsedText('date', value, parseDate));
    case 'DATETIME':
      return (value) => new DuckDBTimestampValue(parsedText('datetime', value, parseDateTime));
    case 'TIME':
      return (value) => new DuckDBTimeValue(parsedText('time', value, parseTime));
    case 'JSON':
      return decodeJson;
  }
}

function valueDecoder(field: Field): CellDecoder {
  if (field.type === 'RECORD') {
    const fields = field.fields ?? [];
    const decodeFields = rowDecoder(fields);
    return (value, ignoreUnknown) => {
      if (!isObject(value)) throw new RowProblem(`Cannot set a value of another type for the record ${field.name}.`);
      const values = decodeFields(value, ignoreUnknown);
      return structValue(Object.fromEntries(fields.map(({ name }, at) => [name, values[at] ?? null])));
    };
  }
  const decode = scalarDecoder(field.type);
  return (value, ignoreUnknown) => {
    if (Array.isArray(value)) throw new RowProblem(`Array specified for non-repeated field: ${field.name}.`);
    if (typeof value === 'object') throw new RowProblem(`This field: ${field.name} is not a record.`);
    return decode(value, ignoreUnknown);
  };
}

function cellDecoder(field: Field): CellDecoder {
  const decode = valueDecoder(field);
  if (field.mode !== 'REPEATED') {
    return (value, ignoreUnknown) => {
      if (value === null) return null;
      if (Array.isArray(value)) throw new RowProblem(`Array specified for non-repeated field: ${field.name}.`);
      return decode(value, ignoreUnknown);
    };
  }
  return (value, ignoreUnknown) => {
    if (value === null) return listValue([]);
    if (!Array.isArray(value)) throw new RowProblem('Repeated field must be imported as a JSON array.');
    return listValue(
      value.map((item: unknown, at) => {
        if (item === null) throw new RowProblem(`Field value of ${field.name} cannot be empty.`, `[${at}]`);
        return located(`[${at}]`, () => decode(item, ignoreUnknown));
      }),
    );
  };
}

/** Runs `decode`; the location of a problem in it gets `step` put before it. */
function located<T>(step: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RowProblem) {
      error.location = /^(\[|$)/.test(error.location) ? `${step}${error.location}` : `${step}.${error.location}`;
    }
    throw error;
  }
}

/** Compiles the decoder of a table's rows, or of a record's fields. Messages are worded as the service does. */
export function rowDecoder(fields: readonly Field[]): RowDecoder {
  const columns = fields.map((field, at) => ({ at, name: field.name, decode: cellDecoder(field) }));
  const byName = new Map(
    columns.flatMap((column) => [column.name, column.name.toLowerCase()].map((key) => [key, column])),
  );
  const required = fields.flatMap(({ mode, name }, at) => (mode === 'REQUIRED' ? [{ at, name }] : []));
  const empty = fields.map(({ mode }): DuckDBValue => (mode === 'REPEATED' ? listValue([]) : null));

  return (json, ignoreUnknown) => {
    if (!isObject(json)) throw new RowProblem('A row must be a JSON object.');
    const row = [...empty];
    for (const key in json) {
      const column = byName.get(key) ?? byName.get(key.toLowerCase());
      if (column !== undefined) row[column.at] = located(column.name, () => column.decode(json[key], ignoreUnknown));
      else if (!ignoreUnknown) throw new RowProblem(`no such field: ${key}.`, key);
    }
    for (const { at, name } of required) {
      if (row[at] === null) throw new RowProblem(`Missing required field: Msg_0_CLOUD_QUERY_TABLE.${name}.`);
    }
    return row;
  };
}
