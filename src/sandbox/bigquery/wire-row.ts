import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { Field } from './schema.ts';

/** A row as tabledata.list and the results of a query carry it. */
export interface WireRow {
  readonly f: readonly WireCell[];
}

interface WireCell {
  readonly v: WireValue;
}

type WireValue = string | null | WireRow | readonly WireCell[];

/** How the request wants its timestamps: as int64 microseconds, or as floating-point seconds. */
export interface WireFormat {
  readonly int64Timestamps: boolean;
}

export function wireRow(fields: readonly Field[], values: readonly DuckDBValue[], format: WireFormat): WireRow {
  return { f: fields.map((field, at) => ({ v: wireCell(field, values[at] ?? null, format) })) };
}

function wireCell(field: Field, value: DuckDBValue, format: WireFormat): WireValue {
  if (field.mode !== 'REPEATED') return wireValue(field, value, format);
  const items = value instanceof DuckDBListValue ? value.items : [];
  return items.map((item) => ({ v: wireValue(field, item, format) }));
}

function wireValue({ type, fields = [] }: Field, value: DuckDBValue, format: WireFormat): WireValue {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number' && type === 'FLOAT') return floatText(value);
  if (typeof value === 'bigint' || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (value instanceof DuckDBTimestampTZValue) {
    return format.int64Timestamps ? String(value.micros) : floatText(Number(value.micros) / 1e6);
  }
  if (value instanceof DuckDBStructValue) {
    const values = fields.map(({ name }) => value.entries[name] ?? null);
    return wireRow(fields, values, format);
  }
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64');
  if (value instanceof DuckDBDecimalValue) return String(value).replace(/\.0*$|(\.\d*?)0+$/, '$1');
  if (value instanceof DuckDBTimestampValue) return microsecondDigits(String(value).replace(' ', 'T'));
  if (value instanceof DuckDBTimeValue) return microsecondDigits(String(value));
  if (value instanceof DuckDBDateValue) return String(value);
  throw new Error(`no wire form for ${value.constructor.name}`);
}

/** `20.0`, `1.5`, `1.7E9`: as the service writes floating-point numbers. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [digits = '0', exponent = '0'] = value.toExponential().split('e');
    return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`;
  }
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** A fraction of a second has six digits or is left out. */
const microsecondDigits = (text: string): string =>
  text.replace(/\.(\d+)$/, (_, digits: string) => `.${digits.padEnd(6, '0')}`);
