import { invalidQuery, unsupported } from '../api.ts';
import { coerce } from './casts.ts';
import { bind, failIf, quoteText } from './duckdb-sql.ts';
import { checkZone } from './functions.ts';
import { inDateRange } from './operators.ts';
import type { Expression } from './syntax.ts';
import { duckDbName, INT64, STRING, type Typed, type } from './types.ts';

/** Compiles an argument. */
type Compile = (expression: Expression) => Typed;

const MICROSECONDS: Readonly<Record<string, number>> = {
  MICROSECOND: 1,
  MILLISECOND: 1000,
  SECOND: 1_000_000,
  MINUTE: 60_000_000,
  HOUR: 3_600_000_000,
  DAY: 86_400_000_000,
};
const DAYS: Readonly<Record<string, number>> = { DAY: 1, WEEK: 7 };
const MONTHS: Readonly<Record<string, number>> = { MONTH: 1, QUARTER: 3, YEAR: 12 };
const WEEKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'];
const DATE_PARTS = /^(DAY|WEEK|ISOWEEK|MONTH|QUARTER|YEAR|ISOYEAR)$/;
const CLOCK_PARTS = /^(MICROSECOND|MILLISECOND|SECOND|MINUTE|HOUR)$/;

/** A part of a date by name; for a week also its first day, from 0 for Monday. */
interface Part {
  readonly name: string;
  readonly weekday: number;
}

function partOf(expression: Expression | undefined, what: string): Part {
  const isNamed = expression?.kind === 'path' && expression.names.length === 1;
  if (isNamed) {
    const name = `${expression.names[0]}`.toUpperCase();
    return { name, weekday: name === 'WEEK' ? WEEKDAYS.indexOf('SUNDAY') : 0 };
  }
  const [day] = expression?.kind === 'call' && expression.name === 'WEEK' ? expression.args : [];
  const weekday = day?.kind === 'path' ? WEEKDAYS.indexOf(`${day.names[0]}`.toUpperCase()) : -1;
  if (weekday < 0) throw invalidQuery(`A valid date part name is required in ${what}`);
  return { name: 'WEEK', weekday };
}

const badPart = (part: string, name: string) => invalidQuery(`${name} does not support the ${part} date part`);

function truncated(value: Typed, { name, weekday }: Part, what: string): Typed {
  const isDate = value.type.name === 'DATE';
  if (!DATE_PARTS.test(name) && (isDate || !CLOCK_PARTS.test(name))) throw badPart(name, what);
  const unit = quoteText(name === 'ISOWEEK' ? 'week' : name.toLowerCase());
  const days = name === 'WEEK' ? weekday : 0;
  const sql =
    days === 0
      ? `date_trunc(${unit}, ${value.sql})`
      : `(date_trunc(${unit}, ${value.sql} - to_days(${days})) + to_days(${days}))`;
  return { sql: `CAST(${sql} AS ${duckDbName(value.type)})`, type: value.type };
}

/** Returns the whole units between two timestamps, or the unit boundaries between two dates or datetimes. */
function difference(kind: string, a: Typed, b: Typed, part: Part): string {
  const { name } = part;
  const what = `${kind}_DIFF`;
  if (kind === 'TIMESTAMP') {
    const micros = MICROSECONDS[name];
    if (micros === undefined) throw badPart(name, what);
    return `((epoch_us(${a.sql}) - epoch_us(${b.sql})) // ${micros})`;
  }
  if (name === 'WEEK' || name === 'ISOWEEK') {
    const [to, from] = [truncated(a, part, what).sql, truncated(b, part, what).sql];
    return `(datediff('day', ${from}, ${to}) // 7)`;
  }
  if (!DATE_PARTS.test(name) && (kind === 'DATE' || !CLOCK_PARTS.test(name))) throw badPart(name, what);
  return `datediff('${name.toLowerCase()}', ${b.sql}, ${a.sql})`;
}

const RANGES: Readonly<Record<string, (x: string) => string>> = {
  DATE: inDateRange,
  DATETIME: (x) =>
    failIf(
      `${x} < TIMESTAMP '0001-01-01 00:00:00' OR ${x} > TIMESTAMP '9999-12-31 23:59:59.999999'`,
      `'Datetime is out of supported range: ' || ${x}`,
      x,
    ),
  TIMESTAMP: (x) =>
    failIf(
      `${x} < TIMESTAMPTZ '0001-01-01 00:00:00+00' OR ${x} > TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'`,
      `'Timestamp is out of supported range: ' || ${x}`,
      x,
    ),
};

/** Shifts a date or time by intervals; undefined if the count is not an INT64. */
export function shifted(value: Typed, interval: Expression & { kind: 'interval' }, sign: '+' | '-', compile: Compile) {
  const { name } = value.type;
  const count = coerce(compile(interval.count), INT64);
  const range = RANGES[name];
  if (count === undefined || range === undefined) return undefined;
  const { part } = interval;
  const micros = name === 'DATE' ? undefined : MICROSECONDS[part];
  const days = name === 'TIMESTAMP' ? undefined : DAYS[part];
  const months = name === 'TIMESTAMP' ? undefined : MONTHS[part];
  const factor = micros ?? days ?? months;
  if (factor === undefined) throw badPart(part, `${name}_${sign === '+' ? 'ADD' : 'SUB'}`);
  const make = micros !== undefined ? 'to_microseconds' : days !== undefined ? 'to_days' : 'to_months';
  const number = `${count.sql} * CAST(${factor} AS BIGINT)`;
  const span = micros === undefined ? `CAST(${number} AS INTEGER)` : number;
  const sql = `CAST(${value.sql} ${sign} ${make}(${span}) AS ${duckDbName(value.type)})`;
  return { sql: bind([sql], range), type: value.type };
}

const FORMAT = /%(E[1-6*]S|E4Y|Ez|[A-Za-z%])|([^%]+)|%/g;
/** Format elements for dates and times that DuckDB shares. */
const DATE_ELEMENTS: Readonly<Record<string, string>> = {
  ...{ Y: '%Y', E4Y: '%Y', m: '%m', d: '%d', F: '%Y-%m-%d', D: '%m/%d/%y', y: '%y', j: '%j' },
  ...{ b: '%b', h: '%b', B: '%B', a: '%a', A: '%A' },
};
const CLOCK_ELEMENTS: Readonly<Record<string, string>> = {
  ...{ H: '%H', I: '%I', M: '%M', S: '%S', p: '%p', T: '%H:%M:%S', R: '%H:%M' },
};
const ZONE_ELEMENTS: Readonly<Record<string, string>> = { Z: 'UTC', z: '+0000', Ez: '+00:00' };

function formatted(kind: string, format: string, x: string): string {
  const parts = [...format.matchAll(FORMAT)].map(([all, element, plain]) => {
    if (plain !== undefined) return quoteText(plain);
    const text = element === undefined ? undefined : elementSql(kind, element, x);
    if (text === undefined) throw unsupported(`The element ${all} in the format of FORMAT_${kind}`);
    return text;
  });
  // A NULL value gives NULL, whatever the format.
  return `CASE WHEN ${x} IS NOT NULL THEN ${["''", ...parts].join(' || ')} END`;
}

function elementSql(kind: string, element: string, x: string): string | undefined {
  if (element === '%') return "'%'";
  const isClock = kind !== 'DATE';
  const plain = DATE_ELEMENTS[element] ?? (isClock ? CLOCK_ELEMENTS[element] : undefined);
  if (plain !== undefined) return `strftime(${x}, ${quoteText(plain)})`;
  if (element === 'Q') return `CAST(quarter(${x}) AS VARCHAR)`;
  const zone = kind === 'TIMESTAMP' ? ZONE_ELEMENTS[element] : undefined;
  if (zone !== undefined) return quoteText(zone);
  if (element === 's' && kind === 'TIMESTAMP')
    return `CAST(CAST(floor(epoch_us(${x}) / 1000000) AS BIGINT) AS VARCHAR)`;
  const [, digits] = /^E([1-6*])S$/.exec(element) ?? [];
  if (digits === undefined || !isClock) return undefined;
  if (digits === '*') return `rtrim(rtrim(strftime(${x}, '%S.%f'), '0'), '.')`;
  return `left(strftime(${x}, '%S.%f'), ${3 + Number(digits)})`;
}

const EXTRACTS: Readonly<Record<string, (x: string) => string>> = {
  ...Object.fromEntries(
    ['YEAR', 'MONTH', 'DAY', 'HOUR', 'MINUTE', 'SECOND', 'QUARTER', 'ISOYEAR'].map((part) => [
      part,
      (x: string) => `${part.toLowerCase()}(${x})`,
    ]),
  ),
  ISOWEEK: (x) => `weekofyear(${x})`,
  DAYOFYEAR: (x) => `dayofyear(${x})`,
  DAYOFWEEK: (x) => `(dayofweek(${x}) + 1)`,
  // DuckDB's include the seconds.
  MILLISECOND: (x) => `(millisecond(${x}) % 1000)`,
  MICROSECOND: (x) => `(microsecond(${x}) % 1000000)`,
};

/** Compiles `EXTRACT(part FROM value)`; undefined if the value is neither a date nor a time. */
export function extract(part: string, value: Typed): Typed | undefined {
  const { name } = value.type;
  if (!/^(DATE|DATETIME|TIME|TIMESTAMP)$/.test(name)) return undefined;
  if ((part === 'DATE' || part === 'TIME') && /^(DATETIME|TIMESTAMP)$/.test(name)) {
    const sql = part === 'TIME' ? `CAST(CAST(${value.sql} AS TIMESTAMP) AS TIME)` : `CAST(${value.sql} AS DATE)`;
    return { sql, type: type(part) };
  }
  const write = EXTRACTS[part];
  if (write === undefined) throw unsupported(`EXTRACT(${part} FROM …)`);
  const isClock = CLOCK_PARTS.test(part);
  if ((name === 'DATE' && isClock) || (name === 'TIME' && !isClock)) throw badPart(part, `EXTRACT from ${name}`);
  return { sql: `CAST(${write(value.sql)} AS BIGINT)`, type: INT64 };
}

type TimeFunction = (args: readonly Expression[], compile: Compile) => Typed | undefined;

const truncate =
  (name: string, kinds: readonly string[]): TimeFunction =>
  ([of, unit, zone, ...rest], compile) => {
    if (of === undefined || rest.length > 0) return undefined;
    const given = compile(of);
    if (zone !== undefined) checkZone(compile(zone));
    const kind = kinds.find((one) => one === given.type.name) ?? kinds[0] ?? '';
    const value = coerce(given, type(kind));
    return value && truncated(value, partOf(unit, name), name);
  };
const subtract =
  (kind: string): TimeFunction =>
  ([to, from, unit, ...rest], compile) => {
    if (to === undefined || from === undefined || rest.length > 0) return undefined;
    const [a, b] = [coerce(compile(to), type(kind)), coerce(compile(from), type(kind))];
    return a && b && { sql: difference(kind, a, b, partOf(unit, `${kind}_DIFF`)), type: INT64 };
  };
const shift =
  (kind: string, sign: '+' | '-'): TimeFunction =>
  ([of, interval, ...rest], compile) => {
    if (of === undefined || interval?.kind !== 'interval' || rest.length > 0) return undefined;
    const value = coerce(compile(of), type(kind));
    return value && shifted(value, interval, sign, compile);
  };
const format =
  (kind: string): TimeFunction =>
  ([text, of, zone, ...rest], compile) => {
    if (text === undefined || of === undefined || rest.length > 0) return undefined;
    if (zone !== undefined) checkZone(compile(zone));
    const { literal } = compile(text);
    if (literal === undefined) throw unsupported(`A format of FORMAT_${kind} that is not a string literal`);
    const value = coerce(compile(of), type(kind));
    return value && { sql: bind([value.sql], (x) => formatted(kind, literal, x)), type: STRING };
  };

const KINDS = ['DATE', 'DATETIME', 'TIMESTAMP'];
const TIME_FUNCTIONS: Readonly<Record<string, TimeFunction>> = {
  TIMESTAMP_TRUNC: truncate('TIMESTAMP_TRUNC', ['TIMESTAMP', 'DATETIME']),
  DATETIME_TRUNC: truncate('DATETIME_TRUNC', ['DATETIME', 'TIMESTAMP']),
  DATE_TRUNC: truncate('DATE_TRUNC', ['DATE', 'DATETIME', 'TIMESTAMP']),
  ...Object.fromEntries(
    KINDS.flatMap((kind): [string, TimeFunction][] => [
      [`${kind}_DIFF`, subtract(kind)],
      [`${kind}_ADD`, shift(kind, '+')],
      [`${kind}_SUB`, shift(kind, '-')],
      [`FORMAT_${kind}`, format(kind)],
    ]),
  ),
};
/** Functions without parentheses that are constant throughout a query. */
const CLOCKS: Readonly<Record<string, string>> = {
  CURRENT_TIMESTAMP: 'TIMESTAMP',
  CURRENT_DATETIME: 'DATETIME',
  CURRENT_DATE: 'DATE',
  CURRENT_TIME: 'TIME',
};

export const TIME_FUNCTION_NAMES: readonly string[] = [...Object.keys(TIME_FUNCTIONS), ...Object.keys(CLOCKS)];
export const isTimeFunction = (name: string): boolean => TIME_FUNCTION_NAMES.includes(name);
export const isClock = (name: string): boolean => Object.hasOwn(CLOCKS, name);

/** Returns the call of a time function; `nowMs` is the wall clock's time at the start of the query. */
export function callTimeFunction(
  name: string,
  args: readonly Expression[],
  compile: Compile,
  nowMs: number,
): Typed | undefined {
  const kind = CLOCKS[name];
  if (kind === undefined) return TIME_FUNCTIONS[name]?.(args, compile);
  if (args.length > 1 || (args.length === 1 && kind === 'TIMESTAMP')) return undefined;
  for (const zone of args) checkZone(compile(zone));
  const now = `CAST('${new Date(nowMs).toISOString()}' AS TIMESTAMPTZ)`;
  if (kind === 'TIMESTAMP') return { sql: now, type: type(kind) };
  const local = `CAST(${now} AS TIMESTAMP)`;
  return { sql: kind === 'DATETIME' ? local : `CAST(${local} AS ${kind})`, type: type(kind) };
}
