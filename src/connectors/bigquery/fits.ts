import { isJsonObject, JsonNumber } from '../../util/json/json-number.ts';
import type { Column } from './config.ts';

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
