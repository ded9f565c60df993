import { PoisonError } from '../../core/errors.ts';
import type { Message } from '../../core/message.ts';
import { MessageView } from '../../core/message-path.ts';
import { isJsonObject } from '../../util/json/lossless-json.ts';
import { fits } from './column-value.ts';
import type { Column, NestedField } from './config.ts';
import { columnReaders, payloadReads, type Row } from './row-of.ts';

/** The way of one column's value from the message into the row. */
export interface ColumnTrace {
  readonly name: string;
  readonly type: Column['type'];
  readonly mode: Column['mode'];
  /** The path that it is read from. */
  readonly from: string;
  /** The value at that path; left out where there is none. */
  readonly found?: unknown;
  /** The value in the row; left out where the column stays NULL. */
  readonly value?: unknown;
  /** The reason for which the value does not fit. With `onError: null` the column stays NULL. */
  readonly problem?: string;
}

/** Traces each column of a message's row, also those behind one that does not fit. */
export function traceRow(columns: readonly Column[], message: Message): ColumnTrace[] {
  const view = new MessageView(message);
  const readers = columnReaders(columns);
  return columns.map(({ name, type, mode }, index) => {
    const reader = readers[index];
    const column = { name, type, mode, from: plainNames(reader?.path ?? '') };
    if (reader === undefined) return column;
    try {
      const found = reader.read(view, undefined);
      if (found === undefined || found === null) return column;
      return {
        ...column,
        found,
        ...converted(
          () => reader.convertStrictly(found, view),
          () => reader.convert(found, view),
        ),
      };
    } catch (thrown) {
      return { ...column, problem: problemOf(thrown) };
    }
  });
}

function converted(strictly: () => unknown, convert: () => unknown): Pick<ColumnTrace, 'value' | 'problem'> {
  let problem: string | undefined;
  let value: unknown;
  try {
    value = strictly();
  } catch (thrown) {
    problem = problemOf(thrown);
    try {
      value = convert();
    } catch {
      value = undefined;
    }
  }
  return { ...(value === undefined ? {} : { value }), ...(problem === undefined ? {} : { problem }) };
}

function problemOf(thrown: unknown): string {
  if (thrown instanceof PoisonError) return thrown.message;
  throw thrown;
}

/** Returns the members of a JSON payload that no column reads. */
export function unreadMembers(columns: readonly Column[], message: Message): string[] {
  const { payload } = new MessageView(message);
  if (!isJsonObject(payload)) return [];
  const read = columns.flatMap((column) => payloadReads(column, 'payload'));
  // A column that reads all of it leaves nothing out.
  if (read.includes(undefined) || columns.some(({ from }) => from === 'payload')) return [];
  return Object.keys(payload).filter((name) => !read.includes(name));
}

/**
 * Returns why BigQuery refuses a row, as far as its documentation goes: required columns without a value, values that do not
 * fit, names that are not columns.
 */
export function rowProblems(columns: readonly (Column | NestedField)[], row: Row, prefix = ''): string[] {
  // Upper and lower case count here.
  const unknown = Object.keys(row).filter((name) => !columns.some((column) => column.name === name));
  return [
    ...columns.flatMap((column) =>
      columnProblems(column, Object.hasOwn(row, column.name) ? row[column.name] : undefined, `${prefix}${column.name}`),
    ),
    ...unknown.map((name) => `${prefix}${name}: table.schema has no such column`),
  ];
}

function columnProblems(column: Column | NestedField, value: unknown, path: string): string[] {
  const { type, mode } = column;
  if (value === undefined || value === null)
    return mode === 'REQUIRED' ? [`${path}: is REQUIRED, and has no value`] : [];
  if (mode !== 'REPEATED') return valueProblems(column, value, path);
  if (!Array.isArray(value)) return [`${path}: expected a list of ${type}`];
  return value.flatMap((item, index) => valueProblems(column, item, `${path}[${index}]`));
}

function valueProblems({ type, fields = [] }: Column | NestedField, value: unknown, path: string): string[] {
  if (!fits(type, value)) return [`${path}: the value is not of type ${type}`];
  return fields.length > 0 && isJsonObject(value) ? rowProblems(fields, value, `${path}.`) : [];
}

/** `payload["a"]` as `payload.a`. */
function plainNames(path: string): string {
  return path.replaceAll(/\["(\w+)"\]/g, '.$1');
}
