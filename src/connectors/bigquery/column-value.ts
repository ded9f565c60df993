import { PoisonError } from '../../core/errors.ts';
import { utcTime } from '../../core/message.ts';
import type { MessageView } from '../../core/message-path.ts';
import { isJsonObject, JsonNumber } from '../../util/json/lossless-json.ts';
import type { Column, NestedField } from './config.ts';
import { timeOfCount } from './time-of-count.ts';

/** Converts a value to one that BigQuery accepts; undefined omits it. Throws a PoisonError (`rejected`). */
export type Convert = (value: unknown, view: MessageView) => unknown;

/** BigQuery reads JSON numbers as doubles, which hold this many decimal digits exactly. */
const DOUBLE_DIGITS = 15;

export function rejected(problem: string): PoisonError {
  return new PoisonError('rejected', problem);
}

/** Returns the conversion for a column that is not a record. */
export function conversionOf(field: Column | NestedField): Convert {
  const { name, type, unit } = field;
  switch (type) {
    case 'JSON':
      return (value) => JSON.stringify(value);
    case 'STRING':
      return (value) => (isTree(value) ? JSON.stringify(value) : withAllDigits(value));
    case 'NUMERIC':
    case 'DECIMAL':
    case 'BIGNUMERIC':
    case 'BIGDECIMAL':
      return withAllDigits;
    case 'INT64':
    case 'INTEGER':
      return (value) => integerValue(finite(name, value));
    case 'FLOAT64':
    case 'FLOAT':
      return (value) => finite(name, value);
    case 'TIMESTAMP':
      return (value) => (typeof value === 'string' || unit !== undefined ? timeValue(name, value, unit) : value);
    default:
      return (value) => value;
  }
}

/** True if the column needs the exact digits of a number in the message. */
export function readsDigits({ type, unit, parse }: Column | NestedField): boolean {
  return unit !== undefined || parse !== undefined || DIGIT_TYPES.has(type);
}

const DIGIT_TYPES: ReadonlySet<string> = new Set(
  'STRING NUMERIC DECIMAL BIGNUMERIC BIGDECIMAL JSON RECORD STRUCT'.split(' '),
);

/** True for objects and lists. */
function isTree(value: unknown): boolean {
  return typeof value === 'object' && !(value instanceof JsonNumber);
}

/** Sends a number as a string if BigQuery would otherwise change its digits. */
function withAllDigits(value: unknown): unknown {
  if (value instanceof JsonNumber) return value.toString();
  if (typeof value !== 'number') return value;
  const text = String(value);
  return text.length > DOUBLE_DIGITS ? text : value;
}

/** Rejects numbers outside the range of a double, which JSON would write as null. */
function finite(name: string, value: unknown): unknown {
  if (typeof value === 'string') return value;
  const number = value instanceof JsonNumber ? Number(value) : value;
  if (typeof number === 'number' && !Number.isFinite(number)) throw rejected(`${name}: the number is beyond a FLOAT64`);
  return value;
}

function integerValue(value: unknown): unknown {
  if (value instanceof JsonNumber) return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  return typeof value === 'number' && !Number.isSafeInteger(value) ? String(value) : value;
}

const COUNT = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** BigQuery stores microseconds and rejects finer times. Pub/Sub and other programs produce nanoseconds. */
const NANOSECONDS = /(:\d\d\.\d{6})\d+/;
const MICROSECOND_DIGITS = 6;

function timeValue(name: string, value: unknown, unit: Column['unit']): unknown {
  if (unit !== undefined) {
    const count = typeof value === 'number' || value instanceof JsonNumber ? String(value) : value;
    if (typeof count === 'string' && COUNT.test(count)) {
      const time = timeOfCount(count, unit);
      if (time === undefined) throw rejected(`${name}: ${count} ${unit} since 1970 is not in the years 1 to 9999`);
      return time;
    }
  }
  if (typeof value !== 'string') return value;
  if (mayLeaveCalendar(value) && leavesCalendar(value)) {
    throw rejected(`${name}: "${value}" is not in the years 1 to 9999`);
  }
  // Skips the regular expression for the common case of six digits or fewer.
  return isDigit(value.charCodeAt(value.indexOf('.') + MICROSECOND_DIGITS + 1))
    ? value.replace(NANOSECONDS, '$1')
    : value;
}

/** True for the first and last years, where a UTC offset can leave the calendar. */
function mayLeaveCalendar(text: string): boolean {
  return text.startsWith('9999-12-31') || text.startsWith('000');
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** RFC 3339 without a check of the year. */
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

function leavesCalendar(text: string): boolean {
  return RFC3339.test(text) && utcTime(text) === undefined;
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const NOT_FINITE = /^[+-]?(?:inf(?:inity)?|nan)$/i;
const BASE64 = /^[\w+/-]*={0,2}$/;
const DATE = String.raw`(\d{4}[-/](?:0?[1-9]|1[0-2])[-/](?:0?[1-9]|[12]\d|3[01]))`;
const TIME = String.raw`(?:[01]?\d|2[0-3]):[0-5]?\d(?::[0-5]?\d(?:\.\d+)?)?`;
const ONLY_DATE = new RegExp(`^${DATE}$`);
const ONLY_TIME = new RegExp(`^${TIME}$`);
const DATETIME = new RegExp(`^${DATE}(?:[Tt ]${TIME})?$`);
const TIMESTAMP = new RegExp(
  `^${DATE}(?:[Tt ]${TIME})?(?: ?(?:[Zz]|UTC|[+-]\\d\\d?(?::?\\d\\d)?|[A-Za-z]+/[\\w/+-]+))?$`,
);

/**
 * Returns false if BigQuery's documentation rules out the value for this column type. Used where a value that does not
 * fit becomes NULL. Returns true in doubt, so that BigQuery decides.
 */
export function fits(type: Column['type'], value: unknown): boolean {
  const text = value instanceof JsonNumber || typeof value === 'number' ? String(value) : value;
  switch (type) {
    case 'STRING':
      return typeof text === 'string';
    case 'BYTES':
      return typeof value === 'string' && BASE64.test(value);
    case 'INT64':
    case 'INTEGER':
      return isInt64(text);
    case 'FLOAT64':
    case 'FLOAT':
      return typeof text === 'string' && (NUMBER.test(text) || NOT_FINITE.test(text));
    case 'NUMERIC':
    case 'DECIMAL':
    case 'BIGNUMERIC':
    case 'BIGDECIMAL':
      return typeof text === 'string' && NUMBER.test(text);
    case 'BOOL':
    case 'BOOLEAN':
      return typeof value === 'boolean' || (typeof value === 'string' && /^(?:true|false)$/i.test(value));
    case 'TIMESTAMP':
      return typeof text === 'string' && (NUMBER.test(text) || isTime(TIMESTAMP, text));
    case 'DATE':
      return typeof value === 'string' && isTime(ONLY_DATE, value);
    case 'DATETIME':
      return typeof value === 'string' && isTime(DATETIME, value);
    case 'TIME':
      return typeof value === 'string' && ONLY_TIME.test(value);
    case 'RECORD':
    case 'STRUCT':
      return isJsonObject(value) || value === undefined;
    default:
      return true;
  }
}

function isInt64(text: unknown): boolean {
  if (typeof text !== 'string' || !/^[+-]?\d{1,30}$/.test(text)) return false;
  const value = BigInt(text.replace('+', ''));
  return BigInt.asIntN(64, value) === value;
}

function isTime(form: RegExp, text: string): boolean {
  const date = form.exec(text)?.[1];
  if (date === undefined) return false;
  const [year, month, day] = date.split(/[-/]/).map(Number);
  const midnight = new Date(0);
  midnight.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day);
  // JavaScript turns 31 February into 3 March.
  return year !== 0 && midnight.getUTCDate() === day;
}
