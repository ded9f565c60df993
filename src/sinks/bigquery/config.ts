import * as v from 'valibot';
import { bytes, count, flag, messagePath, milliseconds, text } from '../../config/schemas.ts';
import { pathProblem } from '../../core/message-path.ts';
import { pathParts } from '../../core/path-parts.ts';
import { retrySchema } from '../../operators/retry-with-backoff.ts';
import { columnName, tableRules } from './table-rules.ts';
import type { TimeUnit } from './time-of-count.ts';

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
  /** In what the numbers of a TIMESTAMP count the time since 1970. Default: BigQuery's own reading, in seconds. */
  unit: v.optional(v.picklist(['s', 'ms', 'us', 'ns'])),
  /** `json`: a string is read as JSON before its value is taken. */
  parse: v.optional(v.picklist(['json'])),
  /** What becomes of a value that does not fit its column: the message is a dead letter, or the column is NULL. */
  onError: v.optional(
    v.pipe(
      v.unknown(),
      // YAML reads `null` as nothing.
      v.transform((value) => (value === null ? 'null' : value)),
      v.picklist(['reject', 'null']),
    ),
  ),
};

/** A column inside of a RECORD. */
export interface NestedField {
  readonly name: string;
  readonly type: (typeof COLUMN_TYPES)[number];
  readonly mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED';
  readonly description?: string | undefined;
  readonly fields?: readonly NestedField[] | undefined;
  readonly unit?: TimeUnit | undefined;
  readonly parse?: 'json' | undefined;
  readonly onError?: 'reject' | 'null' | undefined;
  /** Default: `record.<name>`, the member of the same name of the record around it. */
  readonly from?: string | undefined;
}

/** A path into the message, or one that begins with `record`: the record around the column, one of a repeated record's. */
const recordPath = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const parts = pathParts(dataset.value);
    if (typeof parts === 'object' && parts.root === 'record' && parts.names.length > 0) return;
    const problem = typeof parts === 'string' ? parts : pathProblem(dataset.value);
    if (problem !== undefined) addIssue({ message: `${problem}; inside of a record, record.<name> is a member of it` });
  }),
);

/** What is wrong with settings that are each well-formed. */
function problemsOf({ type, mode, unit, onError }: Pick<NestedField, 'type' | 'mode' | 'unit' | 'onError'>): string[] {
  const problems: string[] = [];
  if (unit !== undefined && type !== 'TIMESTAMP') problems.push('unit is for columns of the type TIMESTAMP');
  if (mode === 'REQUIRED' && onError === 'null') {
    problems.push('a REQUIRED column cannot be NULL: leave out onError, or make it NULLABLE');
  }
  return problems;
}

const nestedField: v.GenericSchema<unknown, NestedField> = v.lazy(() =>
  v.pipe(
    v.strictObject({ ...fieldEntries, fields: v.optional(v.array(nestedField)), from: v.optional(recordPath) }),
    v.rawCheck(({ dataset, addIssue }) => {
      if (dataset.typed) for (const message of problemsOf(dataset.value)) addIssue({ message });
    }),
  ),
);

const columnSchema = v.pipe(
  v.strictObject({
    ...fieldEntries,
    fields: v.optional(v.array(nestedField)),
    /** Where the value comes from. Default: `payload.<name>`. */
    from: v.optional(messagePath),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (dataset.typed) for (const message of problemsOf(dataset.value)) addIssue({ message });
  }),
);

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
  /** The most requests in flight at one time; as many as BigQuery answers without getting slower. */
  concurrency: v.optional(count({ max: 1_000 }), 32),
  timeoutMs: v.optional(milliseconds({ min: 100 }), 30_000),
  retry: v.optional(retrySchema, {}),
  /** How long an outage is waited out before the rows' messages go back to Pub/Sub. */
  giveUpAfterMs: v.optional(milliseconds({ min: 1 }), 300_000),
});

export type InsertConfig = v.InferOutput<typeof insertSchema>;
