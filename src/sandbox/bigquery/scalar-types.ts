import * as duck from '@duckdb/node-api';
import { invalid, unsupported } from './api.ts';
import { decimalText, scaledDecimal } from './decimal.ts';
import { geographyText } from './geography.ts';
import { canonicalJson } from './json-value.ts';
import * as times from './times.ts';

/**
 * One type: its name in DuckDB, the conversion from JSON (undefined and a reason if impossible), and the API's text.
 */
export interface ScalarType {
  readonly duckDb: string;
  /** `text` has a number's digits as in the request. */
  readonly read: (text: string, json: unknown) => duck.DuckDBValue | undefined;
  readonly refusal: (text: string, json: unknown) => string;
  write?(value: duck.DuckDBValue, int64Timestamps: boolean): string;
}

const NUMBER = /^[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
/**
 * Follows casts in SQL, see
 * https://docs.cloud.google.com/bigquery/docs/reference/standard-sql/conversion_functions#cast_as_floating_point.
 */
const NOT_FINITE = /^([+-]?)(?:(inf(?:inity)?)|nan)$/i;
const BASE64 = /^(?:[\w+/-]{4})*(?:[\w+/-]{2}(?:==)?|[\w+/-]{3}=?)?$/;
const NUMERIC_SCALE = 9;
const NUMERIC_LIMIT = 10n ** 38n;
const BIGNUMERIC_SCALE = 38;
const BIGNUMERIC_LIMIT = 2n ** 255n;
const UINT128 = 2n ** 128n;

const readString = (text: string, json: unknown) => (typeof json === 'boolean' ? undefined : text);
const readBytes = (text: string) => (BASE64.test(text) ? duck.blobValue(Buffer.from(text, 'base64')) : undefined);
const readBoolean = (text: string) => (/^(true|false)$/i.test(text) ? /^t/i.test(text) : undefined);
const readInteger = (text: string, json: unknown) => {
  const isDigits = /^[+-]?\d{1,19}$/.test(text);
  const value = isDigits ? BigInt(text) : typeof json === 'number' ? scaledDecimal(text, 0) : undefined;
  return value !== undefined && BigInt.asIntN(64, value) === value ? value : undefined;
};
const readFloat = (text: string, json: unknown) => {
  const [special, sign, infinity] = typeof json === 'string' ? (NOT_FINITE.exec(text) ?? []) : [];
  if (special !== undefined) return infinity === undefined ? Number.NaN : Number(`${sign}Infinity`);
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
};
/**
 * The service reads a JSON number as a double and writes it with 17 digits if 15 do not restore it, so
 * 1255139.628052805 has one digit too many: https://github.com/googleapis/nodejs-bigquery/issues/1221.
 */
const doubleText = (number: number): string => {
  const short = number.toPrecision(15);
  return Number(short) === number ? short : number.toPrecision(17);
};
const hasDigitTooMany = (json: unknown): json is number =>
  typeof json === 'number' && scaledDecimal(doubleText(json), NUMERIC_SCALE) === undefined;
const readNumeric = (text: string, json: unknown) => {
  const value = scaledDecimal(text, NUMERIC_SCALE);
  const fits = value !== undefined && value > -NUMERIC_LIMIT && value < NUMERIC_LIMIT;
  // Fifteen digits restore a double, so a short text equals the service's.
  return fits && (text.length <= 15 || !hasDigitTooMany(json))
    ? new duck.DuckDBDecimalValue(value, 38, NUMERIC_SCALE)
    : undefined;
};
const numericRefusal = (text: string, json: unknown) => {
  const isText = !hasDigitTooMany(json) || scaledDecimal(text, NUMERIC_SCALE) === undefined;
  return `Invalid NUMERIC value: ${isText ? text : doubleText(json)}`;
};
/** Stored as two parts of 128 bits that compare like the number, because DuckDB's DECIMAL has 38 digits. */
const readBigNumeric = (text: string) => {
  const value = scaledDecimal(text, BIGNUMERIC_SCALE);
  if (value === undefined || value < -BIGNUMERIC_LIMIT || value >= BIGNUMERIC_LIMIT) return undefined;
  const low = BigInt.asUintN(128, value);
  return duck.structValue({ $bignumeric: (value - low) / UINT128, low });
};
const readGeography = (text: string) => {
  const wkt = geographyText(text);
  return wkt === undefined ? undefined : duck.structValue({ $geography: wkt });
};
const readJson = (text: string) => canonicalJson(text);

const writeFloat = (value: unknown) => (Number.isInteger(value) ? Number(value).toFixed(1) : String(value));
const writeNumeric = (value: duck.DuckDBValue) => String(value).replace(/\.0*$|(\.\d*?)0+$/, '$1');
const writeBigNumeric = ({ entries }: duck.DuckDBStructValue) => {
  const { $bignumeric: high, low } = entries;
  if (typeof high !== 'bigint' || typeof low !== 'bigint') throw new TypeError('not the parts of a BIGNUMERIC');
  return decimalText(high * UINT128 + low, BIGNUMERIC_SCALE);
};
const writeGeography = ({ entries }: duck.DuckDBStructValue) => String(entries.$geography);
const writeBytes = ({ bytes }: duck.DuckDBBlobValue) => Buffer.from(bytes).toString('base64');
const writeTimestamp = ({ micros }: duck.DuckDBTimestampTZValue, int64Timestamps: boolean) =>
  int64Timestamps ? String(micros) : writeFloat(Number(micros) / 1e6);

const bad = (kind: string) => (text: string) => `Cannot convert value to ${kind} (bad value): ${text}`;
const invalidText = (kind: string) => (text: string) => `Invalid ${kind} string "${text}"`;
const badBytes = () => 'Could not decode base64 string to bytes.';

export const SCALAR_TYPES: Readonly<Record<string, ScalarType>> = {
  STRING: { duckDb: 'VARCHAR', read: readString, refusal: () => 'Conversion from bool to std::string is unsupported.' },
  BYTES: { duckDb: 'BLOB', read: readBytes, refusal: badBytes, write: writeBytes },
  INTEGER: { duckDb: 'BIGINT', read: readInteger, refusal: bad('integer') },
  FLOAT: { duckDb: 'DOUBLE', read: readFloat, refusal: bad('floating point'), write: writeFloat },
  NUMERIC: { duckDb: 'DECIMAL(38,9)', read: readNumeric, refusal: numericRefusal, write: writeNumeric },
  BIGNUMERIC: {
    duckDb: 'STRUCT("$bignumeric" HUGEINT, "low" UHUGEINT)',
    read: readBigNumeric,
    refusal: (text) => `Invalid BIGNUMERIC value: ${text}`,
    write: writeBigNumeric,
  },
  BOOLEAN: { duckDb: 'BOOLEAN', read: readBoolean, refusal: bad('boolean') },
  TIMESTAMP: {
    duckDb: 'TIMESTAMPTZ',
    read: times.readTimestamp,
    refusal: times.timestampRefusal,
    write: writeTimestamp,
  },
  DATE: { duckDb: 'DATE', read: times.readDate, refusal: bad('date') },
  DATETIME: {
    duckDb: 'TIMESTAMP',
    read: times.readDatetime,
    refusal: invalidText('datetime'),
    write: times.writeDatetime,
  },
  TIME: { duckDb: 'TIME', read: times.readTime, refusal: invalidText('time'), write: times.writeTime },
  GEOGRAPHY: {
    duckDb: 'STRUCT("$geography" VARCHAR)',
    read: readGeography,
    refusal: (text) => `Invalid geography value: ${text}`,
    write: writeGeography,
  },
  JSON: { duckDb: 'JSON', read: readJson, refusal: bad('JSON') },
};

/** The API returns INTEGER where SQL has INT64. */
const CANONICAL = new Map(
  Object.entries({
    INT64: 'INTEGER',
    FLOAT64: 'FLOAT',
    BOOL: 'BOOLEAN',
    STRUCT: 'RECORD',
    DECIMAL: 'NUMERIC',
    BIGDECIMAL: 'BIGNUMERIC',
  }),
);

/** Returns the API's name of a type. */
export const canonicalType = (name: string): string => CANONICAL.get(name) ?? name;

const BY_NAME = new Map(Object.entries(SCALAR_TYPES));

/** Returns the type of this name, which may be the name in SQL. */
export function scalarType(name: string): ScalarType {
  const type = BY_NAME.get(name) ?? BY_NAME.get(canonicalType(name));
  if (type !== undefined) return type;
  if (name === 'INTERVAL' || name === 'RANGE') throw unsupported(`The type ${name}`);
  throw invalid(`Invalid value for type: ${name} is not a valid value`);
}
