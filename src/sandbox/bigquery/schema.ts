import { invalid, isObject, unsupported } from './api.ts';
import { canonicalType, scalarType } from './scalar-types.ts';

const MAX_COLUMNS = 10_000;
const MAX_NESTING = 15;
const MAX_DESCRIPTION = 1024;
/** See https://docs.cloud.google.com/bigquery/docs/schemas#flexible-column-names. */
const FIELD_NAME = /^[\p{L}\p{N}\p{Pc}\p{Pd}\p{M}&%=+:'<>#| ]{1,300}$/u;
/** See https://docs.cloud.google.com/bigquery/docs/schemas#column_names. */
const RESERVED_PREFIXES = [
  '_PARTITION',
  '_TABLE_',
  '_FILE_',
  '_ROW_TIMESTAMP',
  '__ROOT__',
  '_COLIDENTIFIER',
  '_CHANGE_SEQUENCE_NUMBER',
  '_CHANGE_TYPE',
  '_CHANGE_TIMESTAMP',
];

/** A column or a field of a record; `type` in the API's form (INTEGER, not INT64), `fields` only of a RECORD. */
export interface Field extends Readonly<Record<'name' | 'type', string>> {
  readonly mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED';
  readonly description?: unknown;
  readonly fields?: readonly Field[];
}

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export function duckDbType({ type, mode, fields }: Field): string {
  const members = fields?.map((field) => `${quoteName(field.name)} ${duckDbType(field)}`);
  const one = members === undefined ? scalarType(type).duckDb : `STRUCT(${members.join(', ')})`;
  return mode === 'REPEATED' ? `${one}[]` : one;
}

/** Reads the `fields` of a TableSchema. */
export function parseFields(given: unknown): Field[] {
  const fields = parseLevel(given, 1);
  if (countOf(fields) > MAX_COLUMNS) throw invalid(`Too many fields: more than ${MAX_COLUMNS}.`);
  return fields;
}

const countOf = (fields: readonly Field[]): number =>
  fields.reduce((sum, { fields: members = [] }) => sum + 1 + countOf(members), 0);

function parseLevel(given: unknown, depth: number): Field[] {
  if (!Array.isArray(given) || given.length === 0) throw unsupported('A table without fields');
  if (depth > MAX_NESTING) throw invalid(`Fields are nested more than ${MAX_NESTING} levels deep.`);
  const names = new Set<string>();
  return given.map((one: unknown): Field => {
    const { name, type, mode = 'NULLABLE', fields, ...about } = isObject(one) ? one : {};
    checkName(name);
    if (names.size === names.add(name.toLowerCase()).size) throw invalid(`Field ${name} already exists in schema`);
    const other = Object.keys(about).find((key) => key !== 'description');
    if (other !== undefined) throw unsupported(`${other} of field ${name}`);
    if (typeof about.description === 'string' && about.description.length > MAX_DESCRIPTION) {
      throw invalid(`The description of field ${name} is longer than ${MAX_DESCRIPTION} characters.`);
    }
    if (mode !== 'NULLABLE' && mode !== 'REQUIRED' && mode !== 'REPEATED') throw invalid(`Invalid mode: ${mode}`);
    const field: Field = { name, type: canonicalType(`${type}`.toUpperCase()), mode, ...about };
    const hasFields = Array.isArray(fields) && fields.length > 0;
    if (field.type === 'RECORD') {
      if (!hasFields) throw invalid(`Field ${name} is type RECORD but has no schema`);
      return { ...field, fields: parseLevel(fields, depth + 1) };
    }
    scalarType(field.type);
    if (hasFields) throw invalid(`Field ${name} is type ${field.type} and cannot have fields`);
    return field;
  });
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || !FIELD_NAME.test(name)) {
    throw invalid(
      `Invalid field name "${name}". Fields must contain the allowed characters, and be at most 300 characters long.`,
    );
  }
  const upper = name.toUpperCase();
  if (!RESERVED_PREFIXES.some((prefix) => upper.startsWith(prefix))) return;
  const prefixes = RESERVED_PREFIXES.join(', ');
  throw invalid(
    `Invalid field name "${name}". Field names are not allowed to start with the (case-insensitive) prefixes ${prefixes}`,
  );
}
