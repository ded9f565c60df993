import type { BigQuery } from '@google-cloud/bigquery';
import * as v from 'valibot';
import { answerOf } from '../google/bounded-call.ts';
import { canonicalType, fieldNamed } from './column-types.ts';
import type { Column, NestedField, TableConfig } from './config.ts';

/** A column as returned by BigQuery's API. */
export interface TableField {
  readonly name: string;
  readonly type: string;
  readonly mode: string;
  readonly fields: readonly TableField[];
}

export const tableField: v.GenericSchema<unknown, TableField> = v.lazy(() =>
  v.object({
    name: v.string(),
    type: v.string(),
    mode: v.optional(v.string(), 'NULLABLE'),
    fields: v.optional(v.array(tableField), []),
  }),
);

/** The part of a table resource that determines whether rows can be inserted. */
export const tableResource = v.object({
  type: v.optional(v.string(), 'TABLE'),
  schema: v.optional(v.object({ fields: v.optional(v.array(tableField), []) }), {}),
});

export type TableResource = v.InferOutput<typeof tableResource>;

/**
 * Reads the type and columns of the table. Rejects with the client's own error, or a RetryableError if there is no
 * response.
 */
export async function readTable(
  bigquery: BigQuery,
  { datasetId, tableId }: Pick<TableConfig, 'datasetId' | 'tableId'>,
): Promise<TableResource> {
  const [metadata] = await answerOf('tables.get', () => bigquery.dataset(datasetId).table(tableId).getMetadata());
  return v.parse(tableResource, metadata);
}

/** One difference between a table and its configuration. */
export interface TableDifference {
  /** The column's path, such as `position.lat`; empty for the table itself. */
  readonly path: string;
  readonly problem: string;
}

/**
 * Compares the configured columns with a table and returns every difference that would make it refuse rows. The table
 * may have extra columns, and may allow NULL where the configuration says REQUIRED.
 *
 * @param hasHook true if a hook builds the rows: it may fill required columns that the configuration lacks.
 */
export function tableDifferences(
  columns: readonly Column[],
  { type, schema }: TableResource,
  hasHook: boolean,
): TableDifference[] {
  if (type !== 'TABLE') return [{ path: '', problem: `is a ${type}; rows can be inserted into a TABLE only` }];
  if (schema.fields.length === 0) return [{ path: '', problem: 'has no columns yet' }];
  return fieldDifferences(columns, schema.fields, '', hasHook);
}

function fieldDifferences(
  columns: readonly (Column | NestedField)[],
  fields: readonly TableField[],
  prefix: string,
  hasHook: boolean,
): TableDifference[] {
  const found = columns.flatMap((column) => differencesOf(column, fields, prefix, hasHook));
  if (hasHook) return found;
  const unwritten = fields.filter(({ name, mode }) => mode === 'REQUIRED' && fieldNamed(columns, name) === undefined);
  return [
    ...found,
    ...unwritten.map(({ name }) => ({
      path: prefix + name,
      problem: 'is REQUIRED in the table, but missing in table.schema',
    })),
  ];
}

function differencesOf(
  column: Column | NestedField,
  fields: readonly TableField[],
  prefix: string,
  hasHook: boolean,
): TableDifference[] {
  const path = prefix + column.name;
  const field = fieldNamed(fields, column.name);
  if (field === undefined) return [{ path, problem: `is missing in the table (configured as ${column.type})` }];
  const type = canonicalType(column.type);
  const tableType = canonicalType(field.type);
  if (type !== tableType) {
    return [{ path, problem: `has the type ${tableType} in the table, but is configured as ${column.type}` }];
  }
  const found: TableDifference[] = [];
  // A nullable column accepts every row of a column configured as REQUIRED.
  const isRelaxed = column.mode === 'REQUIRED' && field.mode === 'NULLABLE';
  if (column.mode !== field.mode && !isRelaxed) {
    found.push({ path, problem: `has the mode ${field.mode} in the table, but is configured as ${column.mode}` });
  }
  if (type !== 'RECORD') return found;
  return [...found, ...fieldDifferences(column.fields ?? [], field.fields, `${path}.`, hasHook)];
}

interface Nested {
  readonly name: string;
  readonly fields?: readonly Nested[] | undefined;
}

/**
 * Returns whether a path such as `position.lat` or `list[0].value` names one of the fields.
 *
 * @param isExact true to compare names with case.
 */
export function hasField(fields: readonly Nested[], path: string, { isExact = false } = {}): boolean {
  const [first = '', ...rest] = path.replaceAll(/\[\d+\]/g, '').split('.');
  const found = fieldNamed(fields, first);
  if (found === undefined || (isExact && found.name !== first)) return false;
  return rest.length === 0 || hasField(found.fields ?? [], rest.join('.'), { isExact });
}
