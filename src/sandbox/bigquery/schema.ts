import { invalid, unsupported } from './api-error.ts';
import { isObject } from './json.ts';

/** A column or a field of a record. Types carry the names that the API answers with, also when asked by others. */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED';
  readonly description?: string;
  /** Of a RECORD, at least one. */
  readonly fields?: readonly Field[];
}

export type FieldType = keyof typeof DUCKDB_TYPES | 'RECORD';

const DUCKDB_TYPES = {
  STRING: 'VARCHAR',
  BYTES: 'BLOB',
  INTEGER: 'BIGINT',
  FLOAT: 'DOUBLE',
  NUMERIC: 'DECIMAL(38,9)',
  BOOLEAN: 'BOOLEAN',
  TIMESTAMP: 'TIMESTAMPTZ',
  DATE: 'DATE',
  DATETIME: 'TIMESTAMP',
  TIME: 'TIME',
  JSON: 'JSON',
} as const;

const ALIASES: Record<string, string> = {
  INT64: 'INTEGER',
  INT: 'INTEGER',
  BIGINT: 'INTEGER',
  FLOAT64: 'FLOAT',
  BOOL: 'BOOLEAN',
  DECIMAL: 'NUMERIC',
  STRUCT: 'RECORD',
};

const MAX_DEPTH = 15;
const NAME = /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}&%=+:'<>#| ]{1,300}$/u;

const isScalarType = (type: string): type is keyof typeof DUCKDB_TYPES => Object.hasOwn(DUCKDB_TYPES, type);

/** The API's name of a type, whichever of its names it is given by; undefined when there is none here. */
export function fieldType(type: string): FieldType | undefined {
  const name = ALIASES[type.toUpperCase()] ?? type.toUpperCase();
  return name === 'RECORD' || isScalarType(name) ? name : undefined;
}

/** The DuckDB type of one value of a scalar type. */
export const duckDbScalar = (type: keyof typeof DUCKDB_TYPES): string => DUCKDB_TYPES[type];

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The DuckDB type of a column. */
export function duckDbType({ type, mode, fields = [] }: Field): string {
  const nested = () => fields.map((field) => `${quoteName(field.name)} ${duckDbType(field)}`).join(', ');
  const single = type === 'RECORD' ? `STRUCT(${nested()})` : duckDbScalar(type);
  return mode === 'REPEATED' ? `${single}[]` : single;
}

/** Reads a TableSchema's `fields`; refuses what the service refuses, and what only the sandbox cannot hold. */
export function parseFields(value: unknown, depth = 1): Field[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid('Invalid schema: fields must be a list.');
  if (depth > MAX_DEPTH) throw invalid(`Schema is nested more than ${MAX_DEPTH} levels deep.`);
  const names = new Set<string>();
  return value.map((field: unknown) => {
    const parsed = parseField(field, depth);
    const key = parsed.name.toLowerCase();
    if (names.has(key)) throw invalid(`Field ${parsed.name} already exists in schema`);
    names.add(key);
    return parsed;
  });
}

function parseField(field: unknown, depth: number): Field {
  if (!isObject(field) || typeof field.name !== 'string' || !NAME.test(field.name)) {
    throw invalid(
      `Invalid field name "${isObject(field) ? (field.name ?? '') : ''}". Fields must contain the allowed characters, and be at most 300 characters long. For allowed characters, please refer to https://cloud.google.com/bigquery/docs/schemas#column_names`,
    );
  }
  for (const feature of ['maxLength', 'precision', 'scale', 'defaultValueExpression', 'collation', 'policyTags']) {
    if (field[feature] !== undefined) throw unsupported(`Field ${field.name}: ${feature}`);
  }
  const type = fieldType(String(field.type ?? ''));
  if (type === undefined) {
    if (/^(BIGNUMERIC|GEOGRAPHY|INTERVAL|RANGE)$/i.test(String(field.type))) throw unsupported(`Type ${field.type}`);
    throw invalid(`Invalid value for type: ${field.type} is not a valid value`);
  }
  const mode = String(field.mode ?? 'NULLABLE').toUpperCase();
  if (mode !== 'NULLABLE' && mode !== 'REQUIRED' && mode !== 'REPEATED') {
    throw invalid(`Invalid value for mode: ${field.mode} is not a valid value`);
  }
  const fields = type === 'RECORD' ? parseFields(field.fields, depth + 1) : undefined;
  if (fields?.length === 0) throw invalid(`Field ${field.name} is type RECORD but has no schema`);
  const description = typeof field.description === 'string' ? { description: field.description } : {};
  return { name: field.name, type, mode, ...description, ...(fields === undefined ? {} : { fields }) };
}

/**
 * Checks that a table with the fields `before` can become one with `after`: columns may be added, and REQUIRED may be
 * relaxed to NULLABLE. `table` is `project:dataset.table`, for the message.
 */
export function checkSchemaChange(table: string, before: readonly Field[], after: readonly Field[], path = ''): void {
  const refuse = (problem: string) => invalid(`Provided Schema does not match Table ${table}. ${problem}`);
  const next = new Map(after.map((field) => [field.name.toLowerCase(), field]));
  for (const old of before) {
    const name = `${path}${old.name}`;
    const field = next.get(old.name.toLowerCase());
    next.delete(old.name.toLowerCase());
    if (field === undefined) throw refuse(`Field ${name} is missing in new schema`);
    if (field.type !== old.type) throw refuse(`Field ${name} has changed type from ${old.type} to ${field.type}`);
    if (field.mode !== old.mode && !(old.mode === 'REQUIRED' && field.mode === 'NULLABLE')) {
      throw refuse(`Field ${name} has changed mode from ${old.mode} to ${field.mode}`);
    }
    checkSchemaChange(table, old.fields ?? [], field.fields ?? [], `${name}.`);
  }
  const required = [...next.values()].find((field) => field.mode === 'REQUIRED' && before.length > 0);
  if (required !== undefined) {
    throw refuse(`Cannot add required fields to an existing schema. (field: ${path}${required.name})`);
  }
}
