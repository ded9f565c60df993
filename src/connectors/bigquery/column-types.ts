/**
 * Types of columns. `column-value.ts` converts their values, and `table-rules.ts` lists those that can partition or cluster
 * a table.
 */
export const COLUMN_TYPES = [
  'STRING',
  'BYTES',
  'INT64',
  'INTEGER',
  'FLOAT64',
  'FLOAT',
  'NUMERIC',
  'DECIMAL',
  'BIGNUMERIC',
  'BIGDECIMAL',
  'BOOL',
  'BOOLEAN',
  'TIMESTAMP',
  'DATE',
  'DATETIME',
  'TIME',
  'JSON',
  'GEOGRAPHY',
  'RECORD',
  'STRUCT',
] as const;

/** Aliases of the same type: https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema */
const ALIASES: Readonly<Record<string, string>> = {
  INT64: 'INTEGER',
  FLOAT64: 'FLOAT',
  BOOL: 'BOOLEAN',
  STRUCT: 'RECORD',
  DECIMAL: 'NUMERIC',
  BIGDECIMAL: 'BIGNUMERIC',
};

/** Returns the name that the API reports for a type: INTEGER for INT64. */
export function canonicalType(type: string): string {
  return ALIASES[type] ?? type;
}

/** Finds a field by name, ignoring case. */
export function fieldNamed<T extends { readonly name: string }>(fields: readonly T[], name: string): T | undefined {
  const lower = name.toLowerCase();
  return fields.find((field) => field.name.toLowerCase() === lower);
}
