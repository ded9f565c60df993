import { DuckDBDateValue, DuckDBTimestampTZValue, DuckDBTimestampValue, type DuckDBValue } from '@duckdb/node-api';
import { invalid, isObject, unsupported } from './api.ts';
import type { Field } from './schema.ts';
import { writeDatetime } from './times.ts';

const DAY_MS = 86_400_000;
/** See https://docs.cloud.google.com/bigquery/docs/streaming-data-into-bigquery#streaming_into_partitioned_tables. */
const COLUMN_BOUNDS = { past: 1825, future: 366 };
const DECORATOR_BOUNDS = { past: 31, future: 16 };
const MAX_PARTITIONS = 10_000;
/** Digits of a partition's id, for example `20261128`. */
const ID_DIGITS: Readonly<Record<string, number>> = { HOUR: 10, DAY: 8, MONTH: 6, YEAR: 4 };
const TIME_COLUMNS: ReadonlySet<string> = new Set(['DATE', 'TIMESTAMP', 'DATETIME']);
/** See https://docs.cloud.google.com/bigquery/docs/clustered-tables#cluster_column_types. */
const CLUSTER_COLUMNS: ReadonlySet<string> = new Set(
  'BIGNUMERIC BOOLEAN DATE DATETIME GEOGRAPHY INTEGER NUMERIC STRING TIMESTAMP'.split(' '),
);
const MAX_CLUSTER_COLUMNS = 4;

/** Time partitioning of a table: by a column, or by the time of arrival. */
export interface TimePartitioning {
  readonly type: string;
  readonly field: string | undefined;
}

/** Checks the partitioning and clustering in a table's resource; returns its time partitioning, if any. */
export function parsePartitioning(resource: Record<string, unknown>, fields: readonly Field[]) {
  const { timePartitioning, rangePartitioning, clustering, requirePartitionFilter } = resource;
  // Queries are not checked for filters: one must not pass here and be refused by the service.
  if (requirePartitionFilter === true) throw unsupported('requirePartitionFilter');
  if (timePartitioning !== undefined && rangePartitioning !== undefined) {
    throw invalid('Only one of timePartitioning and rangePartitioning can be set.');
  }
  if (rangePartitioning !== undefined) checkRange(rangePartitioning, fields);
  if (clustering !== undefined) checkClustering(clustering, fields);
  return timePartitioning === undefined ? undefined : parseTimePartitioning(timePartitioning, fields);
}

function parseTimePartitioning(given: unknown, fields: readonly Field[]): TimePartitioning {
  const { type, field, requirePartitionFilter, expirationMs, ...other } = isObject(given) ? given : {};
  const [unknown] = Object.keys(other);
  if (unknown !== undefined) throw invalid(`Unknown name "${unknown}" at 'table.time_partitioning'`);
  if (requirePartitionFilter === true) throw unsupported('requirePartitionFilter');
  if (typeof type !== 'string' || !Object.hasOwn(ID_DIGITS, type)) {
    throw invalid(
      `Invalid value for timePartitioning.type: ${type}. The supported types are DAY, HOUR, MONTH, and YEAR.`,
    );
  }
  if (expirationMs !== undefined && !/^\d+$/.test(String(expirationMs))) {
    throw invalid(`Invalid value for timePartitioning.expirationMs: ${expirationMs}`);
  }
  if (field === undefined) return { type, field };
  const column = topLevel('partitioning', field, fields);
  if (!TIME_COLUMNS.has(column.type)) {
    throw invalid(
      `The field specified for time partitioning can only be of type TIMESTAMP, DATE or DATETIME. The type found is: ${column.type}.`,
    );
  }
  if (type === 'HOUR' && column.type === 'DATE') {
    throw invalid(`Partitioning by HOUR is not supported for the field ${column.name} of type DATE.`);
  }
  return { type, field: column.name };
}

function checkRange(given: unknown, fields: readonly Field[]): void {
  const { field, range } = isObject(given) ? given : {};
  const column = topLevel('partitioning', field, fields);
  if (column.type !== 'INTEGER') {
    throw invalid(
      `The field specified for range partitioning can only be of type INTEGER. The type found is: ${column.type}.`,
    );
  }
  const bounds = isObject(range) ? [range.start, range.end, range.interval] : [];
  const [start, end, interval] = bounds.map((bound) =>
    /^-?\d{1,19}$/.test(`${bound}`) ? BigInt(`${bound}`) : undefined,
  );
  if (start === undefined || end === undefined || interval === undefined || interval <= 0n || end <= start) {
    throw invalid('rangePartitioning.range must have a start, a larger end and a positive interval.');
  }
  if ((end - start) / interval > MAX_PARTITIONS) throw invalid(`Too many partitions: more than ${MAX_PARTITIONS}.`);
}

function checkClustering(given: unknown, fields: readonly Field[]): void {
  const names: unknown[] = isObject(given) && Array.isArray(given.fields) ? given.fields : [];
  if (names.length === 0) throw invalid('Clustering fields must not be empty.');
  if (names.length > MAX_CLUSTER_COLUMNS) {
    throw invalid(`Too many clustering fields: ${names.length}; at most ${MAX_CLUSTER_COLUMNS} are allowed.`);
  }
  const seen = new Set<string>();
  for (const name of names) {
    const column = topLevel('clustering', name, fields);
    if (seen.has(column.name)) throw invalid(`Clustering field ${column.name} is specified twice.`);
    seen.add(column.name);
    if (!CLUSTER_COLUMNS.has(column.type)) {
      throw invalid(`Clustering is not supported for the field ${column.name} of type ${column.type}.`);
    }
  }
}

function topLevel(use: string, name: unknown, fields: readonly Field[]): Field {
  const lower = `${name}`.toLowerCase();
  const found = fields.find((field) => field.name.toLowerCase() === lower);
  if (found === undefined) throw invalid(`The field specified for ${use} cannot be found in the schema: ${name}`);
  if (found.mode === 'REPEATED') throw invalid(`The field specified for ${use} cannot be repeated: ${name}`);
  return found;
}

const outside = ({ past, future }: typeof COLUMN_BOUNDS, days: number, now: number): boolean => {
  const today = Math.floor(now / DAY_MS);
  return days < today - past || days > today + future;
};

/**
 * Returns why a row with this value in the partitioning column cannot be streamed, or undefined if it can. NULL always
 * can.
 */
export function boundsRefusal(field: string, value: DuckDBValue, table: string, now: number): string | undefined {
  const { days, shown } = dayOf(value) ?? {};
  if (days === undefined || !outside(COLUMN_BOUNDS, days, now)) return undefined;
  const { past, future } = COLUMN_BOUNDS;
  return `Value ${shown} for partition column ${field} of the destination table ${table} is outside the allowed bounds. You can only stream to partitions of date range within ${past} days in the past and ${future} days in the future relative to the current date.`;
}

function dayOf(value: DuckDBValue): { days: number; shown: string } | undefined {
  if (value instanceof DuckDBDateValue) return { days: value.days, shown: String(value) };
  if (!(value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue)) return undefined;
  const days = Math.floor(Number(value.micros) / 1000 / DAY_MS);
  return { days, shown: value instanceof DuckDBTimestampValue ? writeDatetime(value) : String(value.micros) };
}

/** Checks the partition of an insert into `table$id`; throws an ApiError. */
export function checkDecorator(
  id: string,
  table: string,
  partitioning: TimePartitioning | undefined,
  now: number,
): void {
  const name = `${table}$${id}`;
  if (partitioning === undefined) throw invalid(`Cannot stream to ${name}: the table is not partitioned by time.`);
  if (partitioning.field !== undefined) {
    throw invalid(`Streaming to metadata partition of column based partitioning table ${name} is disallowed.`);
  }
  const [, year = '', month = '01', day = '01', hour = '00'] = /^(\d{4})(\d\d)?(\d\d)?(\d\d)?$/.exec(id) ?? [];
  const start = Date.parse(`${year}-${month}-${day}T${hour}:00Z`);
  if (
    id.length !== ID_DIGITS[partitioning.type] ||
    Number.isNaN(start) ||
    new Date(start).getUTCDate() !== Number(day)
  ) {
    throw invalid(
      `Invalid partition ${name}: a partition by ${partitioning.type} has ${ID_DIGITS[partitioning.type]} digits.`,
    );
  }
  const { past, future } = DECORATOR_BOUNDS;
  const days = Math.floor(start / DAY_MS);
  const today = Math.floor(now / DAY_MS);
  // A month or year counts by its day nearest to today.
  const nearest = Math.max(days, Math.min(today, Math.floor((endOf(partitioning.type, start) - 1) / DAY_MS)));
  if (!outside(DECORATOR_BOUNDS, nearest, now)) return;
  throw invalid(
    `The destination table's partition ${name.slice(name.lastIndexOf('.') + 1)} is outside the allowed bounds. You can only stream to partitions within ${past} days in the past and ${future} days in the future relative to the current date.`,
  );
}

function endOf(type: string, start: number): number {
  const date = new Date(start);
  if (type === 'YEAR') return Date.UTC(date.getUTCFullYear() + 1, 0);
  if (type === 'MONTH') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
  return start + 1;
}
