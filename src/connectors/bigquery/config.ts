import * as v from 'valibot';
import { bytes, count, flag, messagePath, milliseconds, setting, text } from '../../config/schemas.ts';
import { pathProblem } from '../../core/message-path.ts';
import { pathParts } from '../../core/path-parts.ts';
import { retrySchema } from '../../operators/retry.ts';
import { COLUMN_TYPES } from './column-types.ts';
import { columnName, tableRules } from './table-rules.ts';
import type { TimeUnit } from './time-of-count.ts';

const fieldEntries = {
  name: setting(columnName, 'Name of the column in BigQuery. An existing table must have it.', {
    example: 'temperature',
  }),
  type: setting(v.picklist(COLUMN_TYPES), 'Type of the column.'),
  mode: setting(v.optional(v.picklist(['NULLABLE', 'REQUIRED', 'REPEATED']), 'NULLABLE'), 'Mode of the column.'),
  description: setting(v.optional(v.string()), 'Description of the column in a created table.', {
    example: 'Degrees Celsius',
  }),
  unit: setting(
    v.optional(v.picklist(['s', 'ms', 'us', 'ns'])),
    "Unit of a TIMESTAMP's numbers, which count from 1970.",
    { unset: 'seconds, as in BigQuery' },
  ),
  parse: setting(v.optional(v.picklist(['json'])), '`json` parses a string as JSON and uses the result.', {
    unset: 'strings are not parsed',
  }),
  onError: setting(
    v.optional(
      v.pipe(
        v.unknown(),
        // YAML parses `null` as a null value.
        v.transform((value) => (value === null ? 'null' : value)),
        v.picklist(['reject', 'null']),
      ),
    ),
    'Handling of a value that does not fit its column: `reject` dead-letters the message, `null` leaves the ' +
      'column NULL.',
    { unset: '`reject`' },
  ),
};

/** A column inside a RECORD. */
export interface NestedField {
  readonly name: string;
  readonly type: (typeof COLUMN_TYPES)[number];
  readonly mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED';
  readonly description?: string | undefined;
  readonly fields?: readonly NestedField[] | undefined;
  readonly unit?: TimeUnit | undefined;
  readonly parse?: 'json' | undefined;
  readonly onError?: 'reject' | 'null' | undefined;
  /** Defaults to `record.<name>`: the member with this name in the enclosing record. */
  readonly from?: string | undefined;
}

/**
 * A path into the message, or one that starts with `record`: the enclosing record, or one element of a repeated record.
 */
const recordPath = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const parts = pathParts(dataset.value);
    if (typeof parts === 'object' && parts.root === 'record' && parts.names.length > 0) return;
    const problem = typeof parts === 'string' ? parts : pathProblem(dataset.value);
    if (problem !== undefined)
      addIssue({ message: `${problem}; inside a record, record.<name> is one of its members` });
  }),
);

/** Returns conflicts between settings that are each valid on their own. */
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
    fields: setting(v.optional(v.array(nestedField)), 'Fields of a RECORD, with the same settings as a column.', {
      kind: 'list of columns',
      example: [{ name: 'unit', type: 'STRING', from: 'record.unit' }],
    }),
    from: setting(
      v.optional(messagePath),
      'Path to the value. In `fields` it may start with `record`, the enclosing record.',
      { example: 'payload.sensor.value', unset: '`payload.<name>`; in `fields`, `record.<name>`' },
    ),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (dataset.typed) for (const message of problemsOf(dataset.value)) addIssue({ message });
  }),
);

export type Column = v.InferOutput<typeof columnSchema>;

const tableEntries = v.strictObject({
  datasetId: setting(text, 'Dataset of the table.', { example: 'telemetry' }),
  tableId: setting(text, 'Name of the table.', { example: 'readings' }),
  create: setting(v.optional(flag, false), 'Creates the dataset and the table if they are missing.'),
  location: setting(v.optional(text), 'Location of a created dataset.', {
    example: 'EU',
    unset: "BigQuery's default",
  }),
  schema: v.pipe(v.array(columnSchema), v.minLength(1)),
  partitioning: setting(
    v.optional(
      v.strictObject({
        type: setting(v.optional(v.picklist(['HOUR', 'DAY', 'MONTH', 'YEAR']), 'DAY'), 'Length of a partition.'),
        field: setting(v.optional(text), 'TIMESTAMP, DATE or DATETIME column to partition by.', {
          example: 'time',
          unset: 'the time of insertion',
        }),
        expirationMs: setting(v.optional(count()), 'Retention of a partition.', {
          example: 7_776_000_000,
          unset: 'forever',
        }),
      }),
    ),
    'Partitioning of a created table.',
  ),
  clustering: setting(
    v.optional(v.pipe(v.array(text), v.minLength(1), v.maxLength(4))),
    'One to four columns that a created table is clustered by.',
    { example: ['device'] },
  ),
});

/** Settings of the destination table. */
export const tableSchema = v.pipe(tableEntries, tableRules<v.InferOutput<typeof tableEntries>>());

export type TableConfig = v.InferOutput<typeof tableSchema>;

/** Settings of row inserts. */
export const insertSchema = v.strictObject({
  maxRows: setting(v.optional(count({ max: 50_000 }), 500), 'A request is sent with this many rows.'),
  maxBytes: setting(v.optional(bytes({ max: 9_500_000 }), 4_000_000), 'A request is sent with this many bytes.'),
  maxDelayMs: setting(
    v.optional(milliseconds({ max: 600_000 }), 1_000),
    'A request is sent when its first row is this old.',
  ),
  concurrency: setting(
    v.optional(count({ max: 1_000 }), 32),
    'The most concurrent requests. There are fewer while responses get slower.',
  ),
  timeoutMs: setting(v.optional(milliseconds({ min: 100 }), 30_000), 'Time limit of one request.'),
  retry: v.optional(retrySchema, {}),
  giveUpAfterMs: setting(
    v.optional(milliseconds({ min: 1 }), 300_000),
    'Time for which inserts are retried during an outage before messages go back to Pub/Sub.',
  ),
});

export type InsertConfig = v.InferOutput<typeof insertSchema>;
