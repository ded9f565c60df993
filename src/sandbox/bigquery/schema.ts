import * as duck from '@duckdb/node-api';
import { invalid, isObject, unsupported } from './api.ts';

/** One type: its name in DuckDB, the value of a JSON (undefined if it has none, and then why), the API's text of it. */
interface ScalarType {
  readonly duckDb: string;
  readonly read: (text: string, json: unknown) => duck.DuckDBValue | undefined;
  readonly refusal: (text: string) => string;
  write?(value: duck.DuckDBValue, int64Timestamps: boolean): string;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const NUMERIC = /^([+-]?\d{1,29})(?:\.(\d{0,9}))?$/;
const BASE64 = /^(?:[\w+/-]{4})*(?:[\w+/-]{2}(?:==)?|[\w+/-]{3}=?)?$/;
const TIMESTAMP =
  /^([\d-]{10})[ T]((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)(?:\.(\d{1,6}))? ?(?:Z|UTC|([+-]\d\d)(?::?(\d\d))?)?$/i;
const readString = (text: string, json: unknown) => (typeof json === 'boolean' ? undefined : text);
const readBytes = (text: string) => (BASE64.test(text) ? duck.blobValue(Buffer.from(text, 'base64')) : undefined);
const readBoolean = (text: string) => (/^(true|false)$/i.test(text) ? /^t/i.test(text) : undefined);
const readFloat = (text: string) => (NUMBER.test(text) ? Number(text) : undefined);
const readInteger = (text: string) => {
  const value = /^[+-]?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
  return value !== undefined && BigInt.asIntN(64, value) === value ? value : undefined;
};
const readNumeric = (text: string, json: unknown) => {
  const [, whole, fraction = ''] = NUMERIC.exec(typeof json === 'number' ? json.toFixed(9) : text) ?? [];
  return whole === undefined ? whole : new duck.DuckDBDecimalValue(BigInt(whole + fraction.padEnd(9, '0')), 38, 9);
};
const readDate = (text: string) => {
  const ms = /^(?!0000)\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  // JavaScript takes February 30th for March 2nd.
  const isReal = !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
  return isReal ? new duck.DuckDBDateValue(ms / 86_400_000) : undefined;
};
/** A text in UTC or with an offset, or a number of seconds since 1970. */
const readTimestamp = (text: string) => {
  const seconds = NUMBER.test(text) ? Number(text) : Number.NaN;
  if (Math.abs(seconds) < 253_402_300_800) return new duck.DuckDBTimestampTZValue(BigInt(Math.round(seconds * 1e6)));
  const [, date = '', time, fraction = '', hours = '+00', minutes = '00'] = TIMESTAMP.exec(text) ?? [];
  if (readDate(date) === undefined) return undefined;
  const ms = BigInt(Date.parse(`${date}T${time}${hours}:${minutes}`));
  return new duck.DuckDBTimestampTZValue(ms * 1000n + BigInt(fraction.padEnd(6, '0')));
};
const readJson = (text: string) => {
  try {
    return JSON.parse(text) === undefined ? undefined : text;
  } catch {
    return undefined;
  }
};

const writeFloat = (value: unknown) => (Number.isInteger(value) ? Number(value).toFixed(1) : String(value));
const writeNumeric = (value: duck.DuckDBValue) => String(value).replace(/\.0*$|(\.\d*?)0+$/, '$1');
const writeBytes = ({ bytes }: duck.DuckDBBlobValue) => Buffer.from(bytes).toString('base64');
const writeTimestamp = ({ micros }: duck.DuckDBTimestampTZValue, int64Timestamps: boolean) =>
  int64Timestamps ? String(micros) : writeFloat(Number(micros) / 1e6);
const bad = (kind: string) => (text: string) => `Cannot convert value to ${kind} (bad value): ${text}`;
const badBytes = () => 'Could not decode base64 string to bytes.';
const badTime = (text: string) =>
  `Could not parse '${text}' as a timestamp. Required format is YYYY-MM-DD HH:MM[:SS[.SSSSSS]] or YYYY/MM/DD HH:MM[:SS[.SSSSSS]]`;

const SCALAR_TYPES: Readonly<Record<string, ScalarType>> = {
  STRING: { duckDb: 'VARCHAR', read: readString, refusal: () => 'Conversion from bool to std::string is unsupported.' },
  BYTES: { duckDb: 'BLOB', read: readBytes, refusal: badBytes, write: writeBytes },
  INTEGER: { duckDb: 'BIGINT', read: readInteger, refusal: bad('integer') },
  FLOAT: { duckDb: 'DOUBLE', read: readFloat, refusal: bad('floating point'), write: writeFloat },
  NUMERIC: { duckDb: 'DECIMAL(38,9)', read: readNumeric, refusal: bad('numeric'), write: writeNumeric },
  BOOLEAN: { duckDb: 'BOOLEAN', read: readBoolean, refusal: bad('boolean') },
  TIMESTAMP: { duckDb: 'TIMESTAMPTZ', read: readTimestamp, refusal: badTime, write: writeTimestamp },
  DATE: { duckDb: 'DATE', read: readDate, refusal: bad('date') },
  JSON: { duckDb: 'JSON', read: readJson, refusal: bad('JSON') },
};

const CANONICAL = new Map(Object.entries({ INT64: 'INTEGER', FLOAT64: 'FLOAT', BOOL: 'BOOLEAN', STRUCT: 'RECORD' }));

/** The type of this name, which may be that of SQL. */
export function scalarType(name: string): ScalarType {
  const type = SCALAR_TYPES[CANONICAL.get(name) ?? name];
  if (type === undefined) throw invalid(`Invalid value for type: ${name} is not a valid value (in the local sandbox)`);
  return type;
}

/** A column or a field of a record; `type` as the API answers it (INTEGER, not INT64), `fields` of a RECORD only. */
export interface Field extends Readonly<Record<'name' | 'type', string>> {
  readonly mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED';
  readonly description?: unknown;
  readonly fields?: readonly Field[];
}

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export function duckDbType({ type, mode, fields }: Field): string {
  const members = fields?.map((field) => `${quoteName(field.name)} ${duckDbType(field)}`);
  const one = members === undefined ? scalarType(type).duckDb : `STRUCT(${members.join(', ')})`;
  return mode === 'REPEATED' ? `${one}[]` : one;
}

/** Reads the `fields` of a TableSchema or of a RECORD. */
export function parseFields(given: unknown): Field[] {
  if (!Array.isArray(given) || given.length === 0) throw unsupported('A table or RECORD without fields');
  const names = new Set<string>();
  return given.map((one: unknown): Field => {
    const { name, type, mode = 'NULLABLE', fields, ...about } = isObject(one) ? one : {};
    if (typeof name !== 'string' || name === '') throw invalid(`Invalid field name "${name}".`);
    if (names.size === names.add(name.toLowerCase()).size) throw invalid(`Field ${name} already exists in schema`);
    const other = Object.keys(about).find((key) => key !== 'description');
    if (other !== undefined) throw unsupported(`${other} of field ${name}`);
    if (mode !== 'NULLABLE' && mode !== 'REQUIRED' && mode !== 'REPEATED') throw invalid(`Invalid mode: ${mode}`);
    const upper = `${type}`.toUpperCase();
    const field: Field = { name, type: CANONICAL.get(upper) ?? upper, mode, ...about };
    if (field.type === 'RECORD') return { ...field, fields: parseFields(fields) };
    scalarType(field.type);
    return field;
  });
}

/** The column of a result that has this DuckDB type. */
export function resultField(name: string, type: duck.DuckDBType): Field {
  if (type instanceof duck.DuckDBListType) return { ...resultField(name, type.valueType), mode: 'REPEATED' };
  if (type instanceof duck.DuckDBStructType) {
    const fields = type.entryTypes.map((entryType, at) => resultField(type.entryNames[at] ?? '', entryType));
    return { name, type: 'RECORD', mode: 'NULLABLE', fields };
  }
  const text = (type.alias ?? String(type)).replace(/^FLOAT$/, 'DOUBLE').replace(' WITH TIME ZONE', 'TZ');
  const stored = text.replace(/^.*INT(EGER)?$/, 'BIGINT').replace(/^DECIMAL.*/, 'DECIMAL(38,9)');
  const found = Object.entries(SCALAR_TYPES).find(([, { duckDb }]) => duckDb === stored);
  if (found === undefined) throw unsupported(`A result of the type ${text}`);
  return { name, type: found[0], mode: 'NULLABLE' };
}
