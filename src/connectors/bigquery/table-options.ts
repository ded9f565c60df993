import { canonicalType } from './column-types.ts';
import type { Column, NestedField, TableConfig } from './config.ts';

/** A column in the form of BigQuery's API. */
export interface ApiField {
  readonly name: string;
  readonly type: string;
  readonly mode: string;
  readonly description?: string;
  readonly fields?: ApiField[];
}

/** Returns the options of a new table, in the form of BigQuery's API. */
export function tableOptions({
  schema,
  partitioning,
  clustering,
}: Pick<TableConfig, 'schema' | 'partitioning' | 'clustering'>) {
  return {
    schema: { fields: schema.map(fieldOf) },
    ...(partitioning === undefined
      ? {}
      : {
          timePartitioning: {
            type: partitioning.type,
            ...(partitioning.field === undefined ? {} : { field: partitioning.field }),
            ...(partitioning.expirationMs === undefined ? {} : { expirationMs: String(partitioning.expirationMs) }),
          },
        }),
    ...(clustering === undefined ? {} : { clustering: { fields: clustering } }),
  };
}

function fieldOf(column: Column | NestedField): ApiField {
  return {
    name: column.name,
    type: canonicalType(column.type),
    mode: column.mode,
    ...(column.description === undefined ? {} : { description: column.description }),
    ...(column.fields === undefined ? {} : { fields: column.fields.map(fieldOf) }),
  };
}
