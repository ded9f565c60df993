import { canonicalType } from '../../connectors/bigquery/column-types.ts';
import type { TableField } from '../../connectors/bigquery/table-schema.ts';
import { isJsonObject, parseExact } from '../../util/json/lossless-json.ts';
import type { ShownField } from './shown-record.ts';

/** The value of a column as the official client returns it with `wrapIntegers`, as JSON and as plain text. */
export function shownField(field: TableField, value: unknown): ShownField {
  const json = jsonOf(field, value);
  const isText = typeof value === 'string' && field.type !== 'JSON';
  return {
    name: field.name,
    json,
    ...(isText ? { text: value } : isTime(field, value) ? { text: JSON.parse(json) } : {}),
  };
}

const TIME_TYPES: ReadonlySet<string> = new Set(['TIMESTAMP', 'DATETIME', 'DATE', 'TIME']);

function isTime({ type, mode }: TableField, value: unknown): boolean {
  return TIME_TYPES.has(type) && mode !== 'REPEATED' && value !== null;
}

/** The client writes nine fractional digits, but the table has six. */
const NANOSECONDS = /(\.\d{6})\d+Z$/;

function jsonOf(field: TableField, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return `[${value.map((item) => jsonOf(field, item)).join(',')}]`;
  switch (canonicalType(field.type)) {
    case 'INTEGER':
      return String(valueIn(value));
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return decimalText(value);
    case 'FLOAT':
      return Number.isFinite(value) ? JSON.stringify(value) : JSON.stringify(String(value));
    case 'JSON':
      return compactJson(String(value));
    case 'BYTES':
      return JSON.stringify(Buffer.isBuffer(value) ? value.toString('base64') : String(value));
    case 'RECORD':
      return recordOf(field.fields, value);
    case 'TIMESTAMP':
      return JSON.stringify(String(valueIn(value)).replace(NANOSECONDS, '$1Z'));
    default:
      return typeof value === 'boolean' ? String(value) : JSON.stringify(String(valueIn(value)));
  }
}

function recordOf(fields: readonly TableField[], value: unknown): string {
  if (!isJsonObject(value)) return 'null';
  return `{${fields.map((inner) => `${JSON.stringify(inner.name)}:${jsonOf(inner, value[inner.name])}`).join(',')}}`;
}

/** The client wraps integers, times and geographies in its own objects. */
function valueIn(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'value' in value ? value.value : value;
}

/** `Big` writes long numbers with an exponent, except with `toFixed`. */
function decimalText(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('toFixed' in value)) return String(value);
  return typeof value.toFixed === 'function' ? String(value.toFixed()) : String(value);
}

function compactJson(text: string): string {
  try {
    return JSON.stringify(parseExact(text));
  } catch {
    return JSON.stringify(text);
  }
}
