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
 * Compiles a table's columns into a function from message to row. Values go as they are, but for two: a JSON column
 * takes its value as text, and a BYTES column from `payload` takes the payload's bytes, in base64. A value that is
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
    const read: MessagePath = ({ message: { payload } }) =>
      Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64');
    return { name, read, convert: asItIs };
  }
  const read = validPath(from ?? `payload.${name}`);
  if (type !== 'JSON') return { name, read, convert: asItIs };
  const convert = (value: unknown) => JSON.stringify(value);
  return {
    name,
    read,
    convert: mode === 'REPEATED' ? (value) => (Array.isArray(value) ? value.map(convert) : value) : convert,
  };
}

function asItIs(value: unknown): unknown {
  return value;
}
