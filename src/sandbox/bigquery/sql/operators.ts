import { invalidQuery, unsupported } from '../api.ts';
import { coerce } from './casts.ts';
import { bind, failIf } from './duckdb-sql.ts';
import {
  BOOL,
  commonType,
  FLOAT64,
  INT64,
  isComparable,
  NULL,
  type SqlType,
  STRING,
  type Typed,
  type,
} from './types.ts';

const DATE = type('DATE');

/**
 * NaN equals nothing, and is neither less nor greater than anything; in DuckDB it equals itself and is the greatest.
 */
const FLOAT_COMPARISONS: Readonly<Record<string, (a: string, b: string) => string>> = {
  '=': (a, b) => `(${a} = ${b} AND NOT isnan(${a}))`,
  '!=': (a, b) => `(${a} <> ${b} OR isnan(${a}))`,
  '<': (a, b) => `(${a} < ${b} AND NOT isnan(${b}))`,
  '<=': (a, b) => `(${a} <= ${b} AND NOT isnan(${b}))`,
  '>': (a, b) => `(${a} > ${b} AND NOT isnan(${a}))`,
  '>=': (a, b) => `(${a} >= ${b} AND NOT isnan(${a}))`,
};

/** A comparison of floats may return FALSE if one side is NULL, where GoogleSQL returns NULL. */
const withNulls = (compare: (a: string, b: string) => string) => (a: string, b: string) =>
  `CASE WHEN ${a} IS NOT NULL AND ${b} IS NOT NULL THEN ${compare(a, b)} END`;

/** Converts values to a common type; string literals adopt the others' type. Undefined if there is no such type. */
export function unified(values: readonly Typed[]): { type: SqlType; sqls: string[] } | undefined {
  const firm = values.filter(({ isText }) => isText !== true);
  const common = commonType((firm.length > 0 ? firm : values).map((value) => value.type));
  if (common === undefined) return undefined;
  const coerced = values.map((value) => coerce(value, common)?.sql);
  const sqls = coerced.flatMap((sql) => (sql === undefined ? [] : [sql]));
  if (sqls.length === values.length) return { type: common, sqls };
  const wider = commonType(values.map((value) => value.type));
  return wider === undefined
    ? undefined
    : { type: wider, sqls: values.map((value) => coerce(value, wider)?.sql ?? '') };
}

/** Compiles `=`, `!=`, `<`, … and IS NOT DISTINCT FROM; undefined if the types do not compare. */
export function compare(op: string, left: Typed, right: Typed): Typed | undefined {
  const names = [left.type.name, right.type.name];
  if (names.includes('BIGNUMERIC') && names.some((name) => /^(INT64|FLOAT64|NUMERIC)$/.test(name))) {
    throw unsupported('A comparison of a BIGNUMERIC with another number');
  }
  if (names.includes('DATE') && names.includes('DATETIME')) throw unsupported('A comparison of a DATE with a DATETIME');
  const both = unified([left, right]);
  if (both === undefined || !isComparable(both.type)) return undefined;
  const [a = '', b = ''] = both.sqls;
  if (op === 'IS NOT DISTINCT FROM') return { sql: `(${a} IS NOT DISTINCT FROM ${b})`, type: BOOL };
  const ofFloats = both.type.name === 'FLOAT64' ? FLOAT_COMPARISONS[op] : undefined;
  const sql = ofFloats === undefined ? `(${a} ${op === '!=' ? '<>' : op} ${b})` : bind([a, b], withNulls(ofFloats));
  return { sql, type: BOOL };
}

const floatArithmetic = (op: string) => (a: string, b: string) =>
  failIf(
    `isinf(${a} ${op} ${b}) AND isfinite(${a}) AND isfinite(${b})`,
    `'floating point overflow: ' || ${a} || ' ${op} ' || ${b}`,
    `${a} ${op} ${b}`,
  );

export const divide = (a: string, b: string): string =>
  `CASE WHEN ${b} = 0 THEN error('division by zero: ' || ${a} || ' / ' || ${b})
    WHEN isinf(${a} / ${b}) AND isfinite(${a}) THEN error('floating point overflow: ' || ${a} || ' / ' || ${b})
    ELSE ${a} / ${b} END`;

/** Compiles `+`, `-`, `*`, `/`; undefined if the operator does not accept the types. */
export function calculate(op: string, left: Typed, right: Typed): Typed | undefined {
  const days = dateArithmetic(op, left, right);
  if (days !== undefined) return days;
  const common = commonType([left.type, right.type]);
  if (op === '-' && /^(DATE|DATETIME|TIME|TIMESTAMP)$/.test(common?.name ?? '')) {
    throw unsupported(`The operator - between two values of type ${common?.name} (${common?.name}_DIFF counts)`);
  }
  if (common?.name === 'BIGNUMERIC') throw unsupported(`The operator ${op} on BIGNUMERIC`);
  if (op === '/' && common !== undefined && /^(INT64|FLOAT64|NULL)$/.test(common.name)) {
    const [a, b] = [coerce(left, FLOAT64), coerce(right, FLOAT64)];
    return a && b && { sql: bind([a.sql, b.sql], divide), type: FLOAT64 };
  }
  const as = common?.name === 'NULL' ? INT64 : common;
  if (as === undefined || !/^(INT64|FLOAT64|NUMERIC)$/.test(as.name)) return undefined;
  if (as.name === 'NUMERIC' && (op === '*' || op === '/')) throw unsupported(`The operator ${op} on NUMERIC`);
  const [a, b] = [coerce(left, as)?.sql, coerce(right, as)?.sql];
  if (a === undefined || b === undefined) return undefined;
  if (as.name !== 'FLOAT64')
    return { sql: as.name === 'NUMERIC' ? `CAST(${a} ${op} ${b} AS DECIMAL(38,9))` : `(${a} ${op} ${b})`, type: as };
  return op === '/' ? undefined : { sql: bind([a, b], floatArithmetic(op)), type: FLOAT64 };
}

function dateArithmetic(op: string, left: Typed, right: Typed): Typed | undefined {
  const [date, days] = left.type.name === 'DATE' ? [left, right] : [right, left];
  const isTaken =
    date.type.name === 'DATE' && days.type.name === 'INT64' && (op === '+' || (op === '-' && date === left));
  if (!isTaken) return undefined;
  const sql = bind([`CAST(${date.sql} ${op} CAST(${days.sql} AS INTEGER) AS DATE)`], inDateRange);
  return { sql, type: DATE };
}

export const inDateRange = (x: string): string =>
  failIf(`${x} < DATE '0001-01-01' OR ${x} > DATE '9999-12-31'`, `'Date is out of supported range: ' || ${x}`, x);

/** `||` of two STRINGs or two BYTES. */
export function concatenate(left: Typed, right: Typed): Typed | undefined {
  const as = commonType([left.type, right.type]);
  if (as?.name === 'ARRAY') throw unsupported('The operator || on ARRAY');
  if (as === undefined || !/^(STRING|BYTES|NULL)$/.test(as.name)) return undefined;
  const [a, b] = [coerce(left, as), coerce(right, as)];
  return a && b && { sql: `(${a.sql} || ${b.sql})`, type: as.name === 'NULL' ? STRING : as };
}

const STRAY_BACKSLASH = 'LIKE pattern ends with a backslash';
/** A backslash escapes the next character. */
export function like(left: Typed, right: Typed): Typed | undefined {
  const [a, b] = [coerce(left, STRING), coerce(right, STRING)];
  if (a === undefined || b === undefined) return undefined;
  const write = (text: string, pattern: string) => `(${text} LIKE ${pattern} ESCAPE '\\')`;
  if (right.literal !== undefined) {
    if (/(^|[^\\])(\\\\)*\\$/.test(right.literal)) throw invalidQuery(STRAY_BACKSLASH);
    return { sql: write(a.sql, b.sql), type: BOOL };
  }
  const isStray = (pattern: string) => `(length(${pattern}) - length(rtrim(${pattern}, '\\'))) % 2 = 1`;
  const sql = bind([a.sql, b.sql], (x, y) => failIf(isStray(y), `'${STRAY_BACKSLASH}'`, write(x, y)));
  return { sql, type: BOOL };
}

export function negative(of: Typed): Typed | undefined {
  if (of.type.name === 'NULL') return { sql: 'NULL', type: NULL };
  return /^(INT64|FLOAT64|NUMERIC)$/.test(of.type.name) ? { sql: `(-${of.sql})`, type: of.type } : undefined;
}
