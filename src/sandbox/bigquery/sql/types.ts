import { invalidQuery, unsupported } from '../api.ts';
import { canonicalType, scalarType } from '../scalar-types.ts';
import { duckDbType, type Field } from '../schema.ts';

/** A type of GoogleSQL; NULL is the type of the literal, which is compatible with any other. */
export interface SqlType {
  readonly name: string;
  /** The element type of an ARRAY. */
  readonly element?: SqlType;
  /** The fields of a STRUCT. */
  readonly fields?: readonly Field[];
}

/** A value's SQL in DuckDB, and its type in GoogleSQL. */
export interface Typed {
  readonly sql: string;
  readonly type: SqlType;
  /** True for a string literal or parameter, which is also accepted for a date or a time. */
  readonly isText?: boolean;
  /** The value of a string literal. */
  readonly literal?: string;
}

const SQL_NAMES: Readonly<Record<string, string>> = {
  INTEGER: 'INT64',
  FLOAT: 'FLOAT64',
  BOOLEAN: 'BOOL',
  RECORD: 'STRUCT',
  DECIMAL: 'NUMERIC',
  BIGDECIMAL: 'BIGNUMERIC',
};
export const type = (name: string): SqlType => ({ name: SQL_NAMES[name] ?? name });
export const STRING = type('STRING');
export const INT64 = type('INT64');
export const FLOAT64 = type('FLOAT64');
export const BOOL = type('BOOL');
export const NULL = type('NULL');

/** Returns the type of this name in a CAST, if the sandbox supports it. */
export function namedType(name: string): SqlType {
  const synonyms = /^(INT|SMALLINT|INTEGER|BIGINT|TINYINT|BYTEINT)$/;
  const found = type(synonyms.test(name) ? 'INT64' : name);
  if (/^(ARRAY|STRUCT|BIGNUMERIC|GEOGRAPHY|JSON|INTERVAL|RANGE)$/.test(found.name)) {
    throw unsupported(`A cast to ${found.name}`);
  }
  const isKnown = /^(STRING|BYTES|INT64|FLOAT64|NUMERIC|BOOL|DATE|DATETIME|TIME|TIMESTAMP)$/.test(found.name);
  if (!isKnown) throw invalidQuery(`Type not found: ${name}`);
  return found;
}

export function typeOfField({ type: name, mode, fields }: Field): SqlType {
  const one = fields === undefined ? type(name) : { name: 'STRUCT', fields };
  return mode === 'REPEATED' ? { name: 'ARRAY', element: one } : one;
}

/** Returns the column of a result; NULL alone is an INT64, as in the service. */
export function fieldOf(name: string, { name: sqlName, element, fields }: SqlType): Field {
  if (element !== undefined) return { ...fieldOf(name, element), mode: 'REPEATED' };
  if (fields !== undefined) return { name, type: 'RECORD', mode: 'NULLABLE', fields };
  return { name, type: canonicalType(sqlName === 'NULL' ? 'INT64' : sqlName), mode: 'NULLABLE' };
}

export function duckDbName({ name, element, fields }: SqlType): string {
  if (element !== undefined) return `${duckDbName(element)}[]`;
  return fields === undefined
    ? scalarType(name === 'NULL' ? 'INT64' : name).duckDb
    : duckDbType({ name: '', type: 'RECORD', mode: 'NULLABLE', fields });
}

/** Formats a type as in error messages. */
export function typeText({ name, element, fields }: SqlType): string {
  if (element !== undefined) return `ARRAY<${typeText(element)}>`;
  if (fields === undefined) return name;
  return `STRUCT<${fields.map((field) => `${field.name} ${typeText(typeOfField(field))}`).join(', ')}>`;
}

export const isSame = (a: SqlType, b: SqlType): boolean =>
  duckDbName(a) === duckDbName(b) && typeText(a) === typeText(b);

const contains = (given: SqlType, names: RegExp): boolean =>
  names.test(given.name) ||
  (given.element !== undefined && contains(given.element, names)) ||
  (given.fields ?? []).some((field) => contains(typeOfField(field), names));

/** True for types whose values DISTINCT, GROUP BY and set operations can compare. */
export const isGroupable = (given: SqlType): boolean => !contains(given, /^(JSON|GEOGRAPHY)$/);
/** True for types that have an order. */
export const isOrderable = ({ name }: SqlType): boolean => !/^(JSON|GEOGRAPHY|ARRAY|STRUCT)$/.test(name);
/** True for types that `=` accepts. */
export const isComparable = isOrderable;

const WIDER: Readonly<Record<string, readonly string[]>> = { INT64: ['NUMERIC', 'FLOAT64'], NUMERIC: ['FLOAT64'] };
/** True if values of one type are accepted for the other without a cast. */
export const isWidened = (from: SqlType, to: SqlType): boolean => WIDER[from.name]?.includes(to.name) === true;

/** Returns the type that accepts all of them, or undefined. */
export function commonType(types: readonly SqlType[]): SqlType | undefined {
  return types.reduce<SqlType | undefined>((common, one) => {
    if (common === undefined || isSame(common, one) || one.name === 'NULL') return common;
    if (common.name === 'NULL' || isWidened(common, one)) return one;
    return isWidened(one, common) ? common : undefined;
  }, types[0]);
}
