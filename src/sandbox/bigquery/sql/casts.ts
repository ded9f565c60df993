import { invalidQuery, unsupported } from '../api.ts';
import { bind, failIf, quoteText } from './duckdb-sql.ts';
import { duckDbName, isSame, isWidened, type SqlType, type Typed, typeText } from './types.ts';

/** `sql` returns NULL if there is no such value; `failure` then begins the message. */
interface Cast {
  readonly sql: (value: string) => string;
  readonly failure?: string;
}

const INT64_TEXT = '[ \\t\\n\\v\\f\\r]*[+-]?(0[xX][0-9a-fA-F]+|\\d+)[ \\t\\n\\v\\f\\r]*';
const FLOAT_TEXT = '[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?|[+-]?(?i:inf|infinity|nan)';
const NUMERIC_TEXT = '[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?';
/** Years start at 0001. */
const YEAR = '(\\d{3}[1-9]|\\d{2}[1-9]0|\\d[1-9]00|[1-9]000)';
const DATE = `${YEAR}-\\d{1,2}-\\d{1,2}`;
const CLOCK = '([01]?\\d|2[0-3]):[0-5]?\\d:[0-5]?\\d(\\.\\d{1,6})?';
const ZONE = '([Zz]| ?UTC|[+-]\\d{2}(:\\d{2})?)';

const cast = (to: string) => (value: string) => `CAST(${value} AS ${to})`;
const tryCast = (to: string, failure: string): Cast => ({ sql: (value) => `TRY_CAST(${value} AS ${to})`, failure });
const parse = (pattern: string, to: string, failure: string, trim = (value: string) => value): Cast => ({
  failure,
  sql: (value) =>
    `CASE WHEN regexp_full_match(${value}, ${quoteText(pattern)}) THEN TRY_CAST(${trim(value)} AS ${to}) END`,
});
/** Fractions of a second have three or six digits in a text. */
const clockText = (value: string, format: string): string =>
  `strftime(${value}, ${quoteText(format)}) || CASE WHEN microsecond(${value}) % 1000000 = 0 THEN ''
    WHEN microsecond(${value}) % 1000 = 0 THEN '.' || left(strftime(${value}, '%f'), 3)
    ELSE '.' || strftime(${value}, '%f') END`;
/** Fifteen digits if they restore the number, otherwise seventeen. */
const floatText = (value: string): string => `CASE WHEN isnan(${value}) THEN 'nan'
  WHEN isinf(${value}) THEN CASE WHEN ${value} > 0 THEN 'inf' ELSE '-inf' END
  WHEN CAST(format('{:.15g}', ${value}) AS DOUBLE) = ${value} THEN format('{:.15g}', ${value})
  WHEN ${value} IS NULL THEN NULL ELSE format('{:.17g}', ${value}) END`;
/** Converts a text in the form of an integer; DuckDB does not accept a sign before 0x. */
function integer(value: string): string {
  const digits = `regexp_replace(${value}, '[^0-9a-fA-FxX]', '', 'g')`;
  const isNegativeHex = `regexp_matches(${value}, '-0[xX]')`;
  const sign = `CASE WHEN contains(${value}, '-') THEN '-' ELSE '' END`;
  return `CASE WHEN ${isNegativeHex} THEN -TRY_CAST(${digits} AS BIGINT) ELSE TRY_CAST(${sign} || ${digits} AS BIGINT) END`;
}
const numericText = (value: string): string => `regexp_replace(CAST(${value} AS VARCHAR), '\\.?0+$', '')`;

/**
 * By source and target type. See
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_functions#cast.
 */
const CASTS: Readonly<Record<string, Cast>> = {
  'INT64 FLOAT64': { sql: cast('DOUBLE') },
  'INT64 NUMERIC': { sql: cast('DECIMAL(38,9)') },
  'INT64 BOOL': { sql: (value) => `(${value} <> 0)` },
  'INT64 STRING': { sql: cast('VARCHAR') },
  'NUMERIC FLOAT64': { sql: cast('DOUBLE') },
  'NUMERIC INT64': tryCast('BIGINT', 'int64 out of range: '),
  'NUMERIC STRING': { sql: numericText },
  // round() rounds halves away from zero like GoogleSQL; DuckDB's cast rounds them to even.
  'FLOAT64 INT64': {
    sql: (value) => `CASE WHEN isfinite(${value}) THEN TRY_CAST(round(${value}) AS BIGINT) END`,
    failure: 'Illegal conversion of non-finite floating point number to an integer, or int64 out of range: ',
  },
  'FLOAT64 STRING': { sql: floatText },
  'BOOL INT64': { sql: cast('BIGINT') },
  'BOOL STRING': { sql: cast('VARCHAR') },
  'STRING INT64': {
    sql: (value) => `CASE WHEN regexp_full_match(${value}, ${quoteText(INT64_TEXT)}) THEN ${integer(value)} END`,
    failure: 'Bad int64 value: ',
  },
  'STRING FLOAT64': parse(FLOAT_TEXT, 'DOUBLE', 'Bad double value: '),
  'STRING NUMERIC': parse(NUMERIC_TEXT, 'DECIMAL(38,9)', 'Invalid NUMERIC value: '),
  'STRING BOOL': parse('(?i:true|false)', 'BOOLEAN', 'Bad bool value: '),
  'STRING BYTES': { sql: (value) => `encode(${value})` },
  'STRING DATE': parse(DATE, 'DATE', 'Invalid date: '),
  'STRING DATETIME': parse(
    `${DATE}([ Tt]${CLOCK})?`,
    'TIMESTAMP',
    'Invalid datetime string: ',
    (value) => `upper(${value})`,
  ),
  'STRING TIME': parse(CLOCK, 'TIME', 'Invalid time string: '),
  'STRING TIMESTAMP': parse(
    `${DATE}([ Tt]${CLOCK}${ZONE}?)?`,
    'TIMESTAMPTZ',
    'Invalid timestamp: ',
    (value) => `regexp_replace(upper(${value}), ' ?UTC$', 'Z')`,
  ),
  'BYTES STRING': { sql: (value) => `TRY(decode(${value}))`, failure: 'Invalid UTF-8 in a cast to STRING' },
  'DATE STRING': { sql: (value) => `strftime(${value}, '%Y-%m-%d')` },
  'DATE DATETIME': { sql: cast('TIMESTAMP') },
  'DATE TIMESTAMP': { sql: cast('TIMESTAMPTZ') },
  'DATETIME STRING': { sql: (value) => clockText(value, '%Y-%m-%d %H:%M:%S') },
  'DATETIME DATE': { sql: cast('DATE') },
  'DATETIME TIME': { sql: cast('TIME') },
  'DATETIME TIMESTAMP': { sql: cast('TIMESTAMPTZ') },
  'TIME STRING': { sql: (value) => clockText(`(DATE '2000-01-01' + ${value})`, '%H:%M:%S') },
  'TIMESTAMP STRING': { sql: (value) => `(${clockText(value, '%Y-%m-%d %H:%M:%S')}) || '+00'` },
  'TIMESTAMP DATE': { sql: cast('DATE') },
  'TIMESTAMP DATETIME': { sql: cast('TIMESTAMP') },
  'TIMESTAMP TIME': { sql: (value) => `CAST(CAST(${value} AS TIMESTAMP) AS TIME)` },
};
/** Casts that the service has and the sandbox lacks. */
const REFUSED =
  /^(FLOAT64 NUMERIC|STRING (JSON|BIGNUMERIC)|BYTES INT64|\S*NUMERIC \S*|\S+ (BIG)?NUMERIC|GEOGRAPHY .*)$/;

/**
 * Casts a value to another type. SQL NULL stays NULL. A value without such a form fails the query, or is NULL if safe.
 */
export function castTo(value: Typed, to: SqlType, isSafe = false): Typed {
  const { sql, type: from } = value;
  if (from.name === 'NULL') return { sql: `CAST(NULL AS ${duckDbName(to)})`, type: to };
  if (isSame(from, to)) return { sql, type: to };
  const pair = `${from.name} ${to.name}`;
  const found = CASTS[pair];
  if (found === undefined) {
    if (REFUSED.test(pair)) throw unsupported(`A cast from ${typeText(from)} to ${typeText(to)}`);
    throw invalidQuery(`Invalid cast from ${typeText(from)} to ${typeText(to)}`);
  }
  const { failure, sql: write } = found;
  if (failure === undefined || isSafe) return { sql: bind([sql], write), type: to };
  const text = from.name === 'BYTES' ? () => `${quoteText(failure)}` : (x: string) => `${quoteText(failure)} || ${x}`;
  return {
    sql: bind([sql], (x) => failIf(`${x} IS NOT NULL AND (${write(x)}) IS NULL`, text(x), write(x))),
    type: to,
  };
}

/** Coerces a value to `to` without a cast in the query; undefined if GoogleSQL has no such coercion. */
export function coerce(value: Typed, to: SqlType): Typed | undefined {
  const isTime = /^(DATE|DATETIME|TIME|TIMESTAMP)$/.test(to.name);
  const isTaken = isSame(value.type, to) || value.type.name === 'NULL' || isWidened(value.type, to);
  return isTaken || (isTime && value.isText === true) ? castTo(value, to) : undefined;
}
