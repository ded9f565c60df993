import { asBuffer } from '../../core/bytes.ts';
import { PoisonError } from '../../core/errors.ts';
import type { Message } from '../../core/message.ts';
import { type MessagePath, MessageView, validPath } from '../../core/message-path.ts';
import type { Column } from './config.ts';

/** A row as JSON, by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** Makes the row of a message; what it throws costs that message alone. */
export type RowOf = (message: Message) => Row;

interface Reader {
  readonly name: string;
  readonly read: MessagePath;
  readonly convert: (value: unknown) => unknown;
}

/**
 * Compiles a table's columns into a function from message to row. Values go as they are, but for three: a JSON column
 * takes its value as text, a TIMESTAMP column leaves out what is finer than a microsecond, and a BYTES column from
 * `payload` takes the payload's bytes, in base64. A value that is
 * missing is left out.
 *
 * A payload that is no JSON is poison (`undecodable`) if any column reads inside of it.
 */
export function rowBy(columns: readonly Column[]): RowOf {
  const readers = columns.map(readerOf);
  const needsPayload = columns.some((column) => (column.from ?? 'payload.').startsWith('payload.'));
  return (message) => {
    const view = new MessageView(message);
    if (needsPayload && (typeof view.payload !== 'object' || view.payload === null)) {
      throw new PoisonError('undecodable', 'the payload is no JSON object, and columns read from it');
    }
    const row: Record<string, unknown> = {};
    for (const { name, read, convert } of readers) {
      const value = read(view);
      if (value !== undefined && value !== null) row[name] = convert(value);
    }
    return row;
  };
}

function readerOf({ name, type, mode, from }: Column): Reader {
  if (type === 'BYTES' && from === 'payload') {
    const read: MessagePath = ({ message: { payload } }) => asBuffer(payload).toString('base64');
    return { name, read, convert: asItIs };
  }
  const read = validPath(from ?? `payload.${name}`);
  const convert = CONVERSIONS[type];
  if (convert === undefined) return { name, read, convert: asItIs };
  return {
    name,
    read,
    convert: mode === 'REPEATED' ? (value) => (Array.isArray(value) ? value.map(convert) : value) : convert,
  };
}

/** What BigQuery would refuse, in a form that it takes. */
const CONVERSIONS: Partial<Record<Column['type'], (value: unknown) => unknown>> = {
  JSON: (value) => JSON.stringify(value),
  TIMESTAMP: inMicroseconds,
};

/** BigQuery counts microseconds, and refuses a time with more digits; Pub/Sub and other programs give nanoseconds. */
function inMicroseconds(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/(\.\d{6})\d+/, '$1') : value;
}

function asItIs(value: unknown): unknown {
  return value;
}
