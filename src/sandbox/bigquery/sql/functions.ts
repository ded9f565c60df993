import { unsupported } from '../api.ts';
import { castTo, coerce } from './casts.ts';
import { bind, failIf, quoteText } from './duckdb-sql.ts';
import { jsonPath } from './json-path.ts';
import { compare, divide, inDateRange, unified } from './operators.ts';
import { BOOL, INT64, isOrderable, STRING, type Typed, type } from './types.ts';

type Write = (...args: string[]) => string;
/** Types of the arguments, with `?` after optional ones; the result type; DuckDB's SQL. */
type Signature = readonly [args: string, result: string, write: Write];

/** Characters that TRIM removes: Unicode's white space. */
const SPACE = quoteText(
  ' \t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
);
const MILLION = 1_000_000;

const trim = (name: string): Signature[] => [
  ['STRING', 'STRING', (s) => `${name}(${s}, ${SPACE})`],
  ['STRING STRING', 'STRING', (s, characters) => `${name}(${s}, ${characters})`],
];
/** Positions start at 1, 0 counts as 1, and negative ones count from the end and stop at the beginning. */
const substring: Write = (s, position, length) => {
  const from = `CASE WHEN ${position} = 0 OR ${position} < -length(${s}) THEN 1 ELSE ${position} END`;
  if (length === undefined) return `substring(${s}, ${from})`;
  return failIf(
    `${length} < 0`,
    "'Third argument in SUBSTR() cannot be negative'",
    `substring(${s}, ${from}, ${length})`,
  );
};
const modulo: Write = (a, b) =>
  failIf(`${b} = 0`, `'division by zero: MOD(' || ${a} || ', ' || ${b} || ')'`, `${a} % ${b}`);
const integerDivision: Write = (a, b) =>
  failIf(
    `${b} = 0`,
    `'division by zero: DIV(' || ${a} || ', ' || ${b} || ')'`,
    // DuckDB's // would silently overflow here.
    failIf(`${b} = -1 AND ${a} = -9223372036854775808`, "'int64 overflow: DIV'", `${a} // ${b}`),
  );
const floor =
  (divisor: number): Write =>
  (at) =>
    `((epoch_us(${at}) - ((epoch_us(${at}) % ${divisor}) + ${divisor}) % ${divisor}) // ${divisor})`;
const timestampOf =
  (factor: number): Write =>
  (n) =>
    failIf(
      `${n} NOT BETWEEN -62135596800 * ${MILLION / factor} AND 253402300800 * ${MILLION / factor} - 1`,
      `'Timestamp is out of supported range: ' || ${n}`,
      `make_timestamptz(${n} * ${factor})`,
    );

/** Functions with one or more fixed signatures, listed in docs/sandbox.md. */
const SIGNATURES: Readonly<Record<string, readonly Signature[]>> = {
  ABS: ['INT64', 'NUMERIC', 'FLOAT64'].map((name) => [name, name, (x) => `abs(${x})`]),
  SIGN: ['INT64', 'FLOAT64'].map((name) => [
    name,
    name,
    (x) => `CAST(sign(${x}) AS ${name === 'INT64' ? 'BIGINT' : 'DOUBLE'})`,
  ]),
  MOD: [['INT64 INT64', 'INT64', modulo]],
  DIV: [['INT64 INT64', 'INT64', integerDivision]],
  FLOOR: [
    ['NUMERIC', 'NUMERIC', (x) => `CAST(floor(${x}) AS DECIMAL(38,9))`],
    ['FLOAT64', 'FLOAT64', (x) => `floor(${x})`],
  ],
  CEIL: [
    ['NUMERIC', 'NUMERIC', (x) => `CAST(ceil(${x}) AS DECIMAL(38,9))`],
    ['FLOAT64', 'FLOAT64', (x) => `ceil(${x})`],
  ],
  ROUND: [
    ['NUMERIC', 'NUMERIC', (x) => `CAST(round(${x}) AS DECIMAL(38,9))`],
    ['FLOAT64', 'FLOAT64', (x) => `round(${x})`],
    ['FLOAT64 INT64', 'FLOAT64', (x, digits) => `round(${x}, CAST(${digits} AS INTEGER))`],
  ],
  SQRT: [
    ['FLOAT64', 'FLOAT64', (x) => failIf(`${x} < 0`, `'Argument to SQRT cannot be negative: ' || ${x}`, `sqrt(${x})`)],
  ],
  IS_NAN: [['FLOAT64', 'BOOL', (x) => `isnan(${x})`]],
  IS_INF: [['FLOAT64', 'BOOL', (x) => `isinf(${x})`]],
  IEEE_DIVIDE: [['FLOAT64 FLOAT64', 'FLOAT64', (a, b) => `(${a} / ${b})`]],
  SAFE_DIVIDE: [
    [
      'FLOAT64 FLOAT64',
      'FLOAT64',
      (a, b) =>
        `CASE WHEN ${b} = 0 OR (isinf(${a} / ${b}) AND isfinite(${a})) THEN NULL ELSE ${divide(`${a}`, `${b}`)} END`,
    ],
  ],
  LOWER: [['STRING', 'STRING', (s) => `lower(${s})`]],
  UPPER: [['STRING', 'STRING', (s) => `upper(${s})`]],
  LENGTH: [
    ['STRING', 'INT64', (s) => `length(${s})`],
    ['BYTES', 'INT64', (s) => `octet_length(${s})`],
  ],
  CHAR_LENGTH: [['STRING', 'INT64', (s) => `length(${s})`]],
  BYTE_LENGTH: [
    ['STRING', 'INT64', (s) => `strlen(${s})`],
    ['BYTES', 'INT64', (s) => `octet_length(${s})`],
  ],
  SUBSTR: [['STRING INT64 INT64?', 'STRING', substring]],
  TRIM: trim('trim'),
  LTRIM: trim('ltrim'),
  RTRIM: trim('rtrim'),
  STARTS_WITH: [['STRING STRING', 'BOOL', (s, part) => `starts_with(${s}, ${part})`]],
  ENDS_WITH: [['STRING STRING', 'BOOL', (s, part) => `ends_with(${s}, ${part})`]],
  STRPOS: [['STRING STRING', 'INT64', (s, part) => `strpos(${s}, ${part})`]],
  REPLACE: [['STRING STRING STRING', 'STRING', (s, from, to) => `replace(${s}, ${from}, ${to})`]],
  TO_HEX: [['BYTES', 'STRING', (x) => `lower(hex(${x}))`]],
  TO_BASE64: [['BYTES', 'STRING', (x) => `to_base64(${x})`]],
  // The plain number, also before 1970.
  UNIX_SECONDS: [['TIMESTAMP', 'INT64', floor(MILLION)]],
  UNIX_MILLIS: [['TIMESTAMP', 'INT64', floor(1000)]],
  UNIX_MICROS: [['TIMESTAMP', 'INT64', (at) => `epoch_us(${at})`]],
  UNIX_DATE: [['DATE', 'INT64', (day) => `datediff('day', DATE '1970-01-01', ${day})`]],
  TIMESTAMP_SECONDS: [['INT64', 'TIMESTAMP', timestampOf(MILLION)]],
  TIMESTAMP_MILLIS: [['INT64', 'TIMESTAMP', timestampOf(1000)]],
  TIMESTAMP_MICROS: [['INT64', 'TIMESTAMP', timestampOf(1)]],
};
const SYNONYMS: Readonly<Record<string, string>> = {
  CEILING: 'CEIL',
  SUBSTRING: 'SUBSTR',
  CHARACTER_LENGTH: 'CHAR_LENGTH',
  OCTET_LENGTH: 'BYTE_LENGTH',
};

/** A function whose result depends on more than argument types; undefined if it does not accept them. */
type Special = (args: readonly Typed[]) => Typed | undefined;

const literalOf = (value: Typed | undefined, what: string): string => {
  if (value?.literal === undefined) throw unsupported(`${what} that is not a string literal`);
  return value.literal;
};
const conditional = (condition: string, values: readonly Typed[]): Typed | undefined => {
  const both = unified(values);
  return both && { sql: `CASE WHEN ${condition} THEN ${both.sqls[0]} ELSE ${both.sqls[1]} END`, type: both.type };
};
const extreme =
  (name: 'greatest' | 'least'): Special =>
  (args) => {
    const all = unified(args);
    if (all === undefined || args.length === 0 || !isOrderable(all.type)) return undefined;
    const sql = bind(all.sqls, (...sqls) => {
      const any = (test: (x: string) => string) => sqls.map(test).join(' OR ');
      // DuckDB treats NaN as the greatest, so greatest() returns it anyway.
      const isNan = name === 'least' && all.type.name === 'FLOAT64';
      const nan = isNan ? `WHEN ${any((x) => `isnan(${x})`)} THEN CAST('NaN' AS DOUBLE) ` : '';
      return `CASE WHEN ${any((x) => `${x} IS NULL`)} THEN NULL ${nan}ELSE ${name}(${sqls}) END`;
    });
    return { sql, type: all.type };
  };
/** Returns JSON of a JSON value, or of a text that may not be JSON. */
const jsonOf = ({ sql, type: { name } }: Typed): string =>
  name === 'JSON' ? sql : bind([sql], (x) => `CASE WHEN json_valid(${x}) THEN CAST(${x} AS JSON) END`);
/** Fails the query if DuckDB would reformat the value, such as `1.10` to `1.1`. */
const asWritten = (json: string, value: string): string =>
  failIf(
    `NOT regexp_matches(CAST(${json} AS VARCHAR), '(^|[^-+.eE0-9])' || regexp_escape(${value}) || '($|[^-+.eE0-9])')`,
    `'JSON_VALUE of a number that is not in its shortest form is not supported by the local sandbox: ' || ${value}`,
    value,
  );
const jsonValue: Special = ([json, path, ...rest]) => {
  if (json === undefined || rest.length > 0 || !/^(JSON|STRING)$/.test(json.type.name)) return undefined;
  const at = quoteText(jsonPath(path === undefined ? '$' : literalOf(path, 'A JSONPath')));
  const sql = bind([jsonOf(json)], (x) => {
    const value = `json_extract_string(${x}, ${at})`;
    return `CASE json_type(${x}, ${at}) WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL WHEN 'NULL' THEN NULL
      WHEN 'DOUBLE' THEN ${asWritten(x, value)} ELSE ${value} END`;
  });
  return { sql, type: STRING };
};
const jsonQuery: Special = ([json, path, ...rest]) => {
  if (json === undefined || rest.length > 0 || json.type.name !== 'JSON') return undefined;
  const at = quoteText(jsonPath(path === undefined ? '$' : literalOf(path, 'A JSONPath')));
  return { sql: `json_extract(${json.sql}, ${at})`, type: json.type };
};
/** Returns the pattern and its number of groups. */
const pattern = (value: Typed | undefined): readonly [sql: string, groups: number] => {
  const text = literalOf(value, 'A regular expression');
  const bare = text.replace(/\\[\s\S]/g, '').replace(/\[\^?\]?[^\]]*\]/g, '');
  return [quoteText(text), [...bare.matchAll(/\((?!\?)|\(\?P?</g)].length];
};
const regexpExtract: Special = ([text, given, ...rest]) => {
  if (text === undefined || rest.length > 0) return undefined;
  const s = coerce(text, STRING);
  const [sql, groups] = pattern(given);
  if (groups > 1) throw unsupported('A regular expression with more than one group in REGEXP_EXTRACT');
  const write = (x: string) =>
    `CASE WHEN regexp_matches(${x}, ${sql}) THEN regexp_extract(${x}, ${sql}, ${groups}) END`;
  return s && { sql: bind([s.sql], write), type: STRING };
};
const regexpReplace: Special = ([text, given, by, ...rest]) => {
  if (text === undefined || by === undefined || rest.length > 0) return undefined;
  const [s, to] = [coerce(text, STRING), coerce(by, STRING)];
  return s && to && { sql: `regexp_replace(${s.sql}, ${pattern(given)[0]}, ${to.sql}, 'g')`, type: STRING };
};
const concat: Special = (args) => {
  const [first] = args;
  if (first?.type.name === 'BYTES') {
    const all = args.every((arg) => arg.type.name === 'BYTES');
    return all ? { sql: `(${args.map(({ sql }) => sql).join(' || ')})`, type: first.type } : undefined;
  }
  // Other types are cast, as in the documentation's example.
  const texts = args.map((arg) => (arg.type.name === 'BYTES' ? undefined : castTo(arg, STRING).sql));
  return first === undefined || texts.includes(undefined)
    ? undefined
    : { sql: `(${texts.join(' || ')})`, type: STRING };
};
const conversion =
  (to: string, from: RegExp): Special =>
  ([value, zone, ...rest]) => {
    if (value === undefined || rest.length > 0) return undefined;
    if (zone !== undefined) checkZone(zone);
    return from.test(value.type.name) ? castTo(value, type(to)) : undefined;
  };

const toDate = conversion('DATE', /^(DATE|DATETIME|TIMESTAMP)$/);

/** Fails for every time zone except UTC. */
export function checkZone(zone: Typed): void {
  const name = literalOf(zone, 'A time zone');
  if (name !== 'UTC' && name !== '+00:00') throw unsupported(`The time zone "${name}" (it takes "UTC")`);
}

const SPECIAL: Readonly<Record<string, Special>> = {
  IF: ([condition, ...values]) => {
    const test = condition && coerce(condition, BOOL);
    return test && values.length === 2 ? conditional(test.sql, values) : undefined;
  },
  IFNULL: (args) => (args.length === 2 ? SPECIAL.COALESCE?.(args) : undefined),
  COALESCE: (args) => {
    const all = unified(args);
    return args.length === 0 ? undefined : all && { sql: `coalesce(${all.sqls})`, type: all.type };
  },
  NULLIF: ([value, other, ...rest]) => {
    if (value === undefined || other === undefined || rest.length > 0) return undefined;
    const both = unified([value, other]);
    const equal =
      both && compare('=', { sql: both.sqls[0] ?? '', type: both.type }, { sql: both.sqls[1] ?? '', type: both.type });
    return equal && both && { sql: `CASE WHEN ${equal.sql} THEN NULL ELSE ${both.sqls[0]} END`, type: both.type };
  },
  GREATEST: extreme('greatest'),
  LEAST: extreme('least'),
  CONCAT: concat,
  REGEXP_CONTAINS: ([text, given, ...rest]) => {
    const s = text && coerce(text, STRING);
    return rest.length > 0 ? undefined : s && { sql: `regexp_matches(${s.sql}, ${pattern(given)[0]})`, type: BOOL };
  },
  REGEXP_EXTRACT: regexpExtract,
  REGEXP_REPLACE: regexpReplace,
  JSON_VALUE: jsonValue,
  JSON_QUERY: jsonQuery,
  ARRAY_LENGTH: ([list, ...rest]) =>
    list?.type.name === 'ARRAY' && rest.length === 0 ? { sql: `len(${list.sql})`, type: type('INT64') } : undefined,
  DATE: (args) => {
    const [year, month, day] = args.map((arg) => coerce(arg, INT64)?.sql);
    if (args.length !== 3) return toDate(args);
    if (year === undefined || month === undefined || day === undefined) return undefined;
    return { sql: bind([`make_date(${year}, ${month}, ${day})`], inDateRange), type: type('DATE') };
  },
  DATETIME: conversion('DATETIME', /^(DATE|DATETIME|TIMESTAMP)$/),
  TIME: conversion('TIME', /^(TIME|DATETIME|TIMESTAMP)$/),
  TIMESTAMP: conversion('TIMESTAMP', /^(STRING|DATE|DATETIME|TIMESTAMP)$/),
  STRING: conversion('STRING', /^(DATE|DATETIME|TIME|TIMESTAMP)$/),
};

export const FUNCTION_NAMES: readonly string[] = [
  ...Object.keys(SIGNATURES),
  ...Object.keys(SYNONYMS),
  ...Object.keys(SPECIAL),
];
export const isFunction = (name: string): boolean => FUNCTION_NAMES.includes(name);

/** Returns the call of a function; undefined if it does not accept such arguments. */
export function callFunction(name: string, args: readonly Typed[]): Typed | undefined {
  const own = SYNONYMS[name] ?? name;
  const special = Object.hasOwn(SPECIAL, own) ? SPECIAL[own] : undefined;
  if (special !== undefined) return special(args);
  for (const [types, result, write] of SIGNATURES[own] ?? []) {
    const wanted = types.split(' ');
    const least = wanted.filter((one) => !one.endsWith('?')).length;
    if (args.length < least || args.length > wanted.length) continue;
    const taken = args.map((arg, at) => coerce(arg, type((wanted[at] ?? '').replace('?', '')))?.sql);
    if (taken.includes(undefined)) continue;
    return {
      sql: bind(
        taken.map((sql) => `${sql}`),
        write,
      ),
      type: type(result),
    };
  }
  return undefined;
}
