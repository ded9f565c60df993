import { PoisonError } from '../../core/errors.ts';
import { callSync, plainObject } from '../../core/hook-result.ts';
import type { Message } from '../../core/message.ts';
import { descend, exactPath, type MessagePath, MessageView, validPath } from '../../core/message-path.ts';
import { pathParts } from '../../core/path-parts.ts';
import type { HookAnswer } from '../../operators/apply-hook.ts';
import { asBuffer } from '../../util/bytes.ts';
import { isJsonObject, parseExact } from '../../util/json/lossless-json.ts';
import { setMember } from '../../util/values.ts';
import { type Convert, conversionOf, fits, readsDigits, rejected } from './column-value.ts';
import type { Column, NestedField } from './config.ts';

/** A row as JSON, keyed by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** Builds the row of a message. An error it throws affects only that message. */
export type RowOf = (message: Message) => Row;

/** A hook that builds the row. */
export type Transformer = (message: Message) => HookAnswer<Row>;

/**
 * Serializes the row returned by a transformer.
 *
 * @throws PoisonError (`hook_failed`) unless the row is an object that JSON can represent.
 */
export function rowText(row: Row): string {
  return callSync('transformer', () => JSON.stringify(plainObject('transformer', row)));
}

/** Reads one column or record field; `within` is the value of the enclosing record. */
export interface Reader {
  readonly name: string;
  /** The path that it reads. */
  readonly path: string;
  readonly read: (view: MessageView, within: unknown) => unknown;
  readonly convert: Convert;
  /** Throws where `convert` makes NULL of a value that does not fit. */
  readonly convertStrictly: Convert;
}

/**
 * Compiles a table's columns into a function from message to row. Values pass through unless BigQuery would refuse or
 * change them (`column-value.ts`); the same rules apply inside records. Missing values and unknown record members are
 * omitted.
 *
 * A payload that is not JSON is poison (`undecodable`) if any column reads it as JSON. So is a list, string or number
 * if a column reads a member of it.
 */
export function rowBy(columns: readonly Column[]): RowOf {
  const readers = columnReaders(columns);
  const check = payloadCheck(columns);
  return (message) => {
    const view = new MessageView(message);
    check?.(view);
    const row: Record<string, unknown> = {};
    fill(row, readers, view, undefined);
    return row;
  };
}

/** The readers of a table's columns, in their order. */
export function columnReaders(columns: readonly Column[]): readonly Reader[] {
  return columns.map((column) => readerOf(column, 'payload', false));
}

function fill(target: Record<string, unknown>, readers: readonly Reader[], view: MessageView, within: unknown): void {
  for (const { name, read, convert } of readers) {
    const value = read(view, within);
    if (value === undefined || value === null) continue;
    const converted = convert(value, view);
    if (converted !== undefined) setMember(target, name, converted);
  }
}

/** @param checked true if the value must be checked here, because a value that does not fit becomes NULL. */
function readerOf(field: Column | NestedField, parent: 'payload' | 'record', checked: boolean): Reader {
  const { name, type, onError } = field;
  const path = field.from ?? `${parent}[${JSON.stringify(name)}]`;
  const convert = converterOf(field, checked || onError === 'null');
  return {
    name,
    path,
    read: path === 'payload' && (type === 'BYTES' || type === 'STRING') ? WHOLE[type] : readOf(field, path),
    convert: onError === 'null' ? orNull(convert) : convert,
    convertStrictly: convert,
  };
}

/** The whole payload, JSON or not. */
const WHOLE: Readonly<Record<'BYTES' | 'STRING', MessagePath>> = {
  BYTES: ({ message }) => asBuffer(message.payload).toString('base64'),
  STRING: ({ payloadText }) => {
    if (payloadText === undefined) throw new PoisonError('undecodable', 'the payload is not UTF-8');
    return payloadText;
  },
};

function readOf(field: Column | NestedField, path: string): Reader['read'] {
  const parts = pathParts(path);
  if (typeof parts === 'object' && parts.root === 'record') return (_, within) => descend(within, parts.names);
  const read = readsDigits(field) ? exactPath(path) : validPath(path);
  if (!buildsFromElsewhere(field)) return read;
  // The fields come from elsewhere in the message, so the record itself may be absent.
  return (view) => read(view) ?? {};
}

function converterOf(field: Column | NestedField, checked: boolean): Convert {
  const { name, type, mode } = field;
  const plain = isRecord(field) ? recordOf(field, checked) : conversionOf(field);
  const one: Convert = checked
    ? (value, view) => {
        const converted = plain(value, view);
        if (!fits(type, converted)) throw rejected(`${name}: the value is not of type ${type}`);
        return converted;
      }
    : plain;
  const parse = field.parse === 'json' ? jsonOfText(name) : undefined;
  if (mode !== 'REPEATED') return parse === undefined ? one : (value, view) => one(parse(value), view);
  const each = field.onError === 'null' ? orNull(one) : one;
  return (value, view) => {
    const list = parse === undefined ? value : parse(value);
    if (!Array.isArray(list)) {
      if (checked) throw rejected(`${name}: the value is not a list`);
      return list;
    }
    // Lists cannot contain NULL, so values that do not fit are omitted.
    const parsed = parse === undefined || list !== value ? list : list.map(parse);
    return parsed.map((item) => each(item, view)).filter((item) => item !== undefined);
  };
}

/** Leaves out values that do not fit, so that BigQuery stores NULL. */
function orNull(convert: Convert): Convert {
  return (value, view) => {
    try {
      return convert(value, view);
    } catch (thrown) {
      if (thrown instanceof PoisonError) return undefined;
      throw thrown;
    }
  };
}

type RecordField = (Column | NestedField) & { readonly fields: readonly NestedField[] };

function isRecord(field: Column | NestedField): field is RecordField {
  return (field.type === 'RECORD' || field.type === 'STRUCT') && field.fields !== undefined;
}

function recordOf(field: RecordField, checked: boolean): Convert {
  const readers = field.fields.map((inner) => readerOf(inner, 'record', checked));
  const mayBeEmpty = !buildsFromElsewhere(field);
  return (value, view) => {
    if (!isJsonObject(value)) return value;
    const record: Record<string, unknown> = {};
    fill(record, readers, view, value);
    return mayBeEmpty || Object.keys(record).length > 0 ? record : undefined;
  };
}

/** True for a single record of which a field has a path that does not begin with `record`. */
function buildsFromElsewhere(field: Column | NestedField): boolean {
  if (!isRecord(field) || field.mode === 'REPEATED') return false;
  return field.fields.some(
    (inner) => (inner.from !== undefined && !/^record\b/.test(inner.from)) || buildsFromElsewhere(inner),
  );
}

/** Returns a check that the payload has the shape the columns read; undefined if no column reads it as JSON. */
function payloadCheck(columns: readonly Column[]): ((view: MessageView) => void) | undefined {
  const firstNames = columns.flatMap((column) => payloadReads(column, 'payload'));
  const readsMembers = firstNames.some((name) => name !== undefined && !/^\d+$/.test(name));
  const readsInside = firstNames.some((name) => name !== undefined);
  if (readsMembers) {
    return (view) => {
      if (!isJsonObject(view.payload))
        throw undecodable(view, 'the payload is not a JSON object, but columns read from it');
    };
  }
  if (readsInside) {
    return (view) => {
      if (!isJsonObject(view.payload) && !Array.isArray(view.payload)) {
        throw undecodable(view, 'the payload is not a JSON list, but columns read from it');
      }
    };
  }
  if (firstNames.length === 0) return undefined;
  return (view) => {
    if (view.payload === undefined) throw undecodable(view, 'the payload is not JSON, but columns read it');
  };
}

/** Returns the first path member of each read of the payload as JSON; undefined for a read of the whole payload. */
export function payloadReads(field: Column | NestedField, parent: 'payload' | 'record'): (string | undefined)[] {
  const inner = isRecord(field) ? field.fields.flatMap((each) => payloadReads(each, 'record')) : [];
  // A record built entirely from elsewhere needs no value in the payload.
  if (field.from === undefined && buildsFromElsewhere(field)) return inner;
  const parts = pathParts(field.from ?? `${parent}[${JSON.stringify(field.name)}]`);
  if (typeof parts === 'string' || parts.root !== 'payload') return inner;
  if (parts.names.length === 0 && (field.type === 'BYTES' || field.type === 'STRING')) return inner;
  return [parts.names[0], ...inner];
}

function undecodable(view: MessageView, problem: string): PoisonError {
  return new PoisonError('undecodable', view.payloadText === undefined ? `${problem}: it is not UTF-8` : problem);
}

/** Parses strings as JSON and passes other values through. Throws a PoisonError (`rejected`) that names the column. */
function jsonOfText(name: string): (value: unknown) => unknown {
  return (value) => {
    if (typeof value !== 'string') return value;
    try {
      return parseExact(value);
    } catch {
      throw rejected(`${name}: the text is not JSON`);
    }
  };
}
