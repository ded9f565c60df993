import * as v from 'valibot';
import { bytes, count, flag, messagePath, milliseconds, text } from '../../config/schemas.ts';
import { retrySchema } from '../../operators/retry-with-backoff.ts';
import { columnName, tableRules } from './table-rules.ts';

const COLUMN_TYPES = [
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

const fieldEntries = {
  name: columnName,
  type: v.picklist(COLUMN_TYPES),
  mode: v.optional(v.picklist(['NULLABLE', 'REQUIRED', 'REPEATED']), 'NULLABLE'),
  description: v.optional(v.string()),
};

/** A column inside a RECORD: its value is the record's member of the same name. */
export interface NestedField {
  readonly name: string;
  readonly type: (typeof COLUMN_TYPES)[number];
  readonly mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED';
  readonly description?: string | undefined;
  readonly fields?: readonly NestedField[] | undefined;
}

const nestedField: v.GenericSchema<unknown, NestedField> = v.lazy(() =>
  v.strictObject({ ...fieldEntries, fields: v.optional(v.array(nestedField)) }),
);

const columnSchema = v.strictObject({
  ...fieldEntries,
  fields: v.optional(v.array(nestedField)),
  /** Where the value comes from. Default: `payload.<name>`. */
  from: v.optional(messagePath),
});

export type Column = v.InferOutput<typeof columnSchema>;

const tableEntries = v.strictObject({
  datasetId: text,
  tableId: text,
  /** Create the dataset and the table if they are missing. */
  create: v.optional(flag, false),
  /** Location of a created dataset. */
  location: v.optional(text),
  schema: v.pipe(v.array(columnSchema), v.minLength(1)),
  partitioning: v.optional(
    v.strictObject({
      type: v.optional(v.picklist(['HOUR', 'DAY', 'MONTH', 'YEAR']), 'DAY'),
      /** A TIMESTAMP, DATE or DATETIME column. Default: the time of insertion. */
      field: v.optional(text),
      expirationMs: v.optional(count()),
    }),
  ),
  clustering: v.optional(v.pipe(v.array(text), v.minLength(1), v.maxLength(4))),
});

/** The table that rows go to. */
export const tableSchema = v.pipe(tableEntries, tableRules<v.InferOutput<typeof tableEntries>>());

export type TableConfig = v.InferOutput<typeof tableSchema>;

/** Settings of inserting rows. */
export const insertSchema = v.strictObject({
  /** A request leaves with so many rows, so many bytes, or when its first row is so old. */
  maxRows: v.optional(count({ max: 50_000 }), 500),
  maxBytes: v.optional(bytes({ max: 9_500_000 }), 4_000_000),
  maxDelayMs: v.optional(milliseconds({ max: 600_000 }), 1_000),
  /** Requests in flight at one time. */
  concurrency: v.optional(count({ max: 1_000 }), 4),
  timeoutMs: v.optional(milliseconds({ min: 100 }), 30_000),
  retry: v.optional(retrySchema, {}),
  /** How long an outage is waited out before the rows' messages go back to Pub/Sub. */
  giveUpAfterMs: v.optional(milliseconds({ min: 1 }), 300_000),
});

export type InsertConfig = v.InferOutput<typeof insertSchema>;
