import { oneLine } from '../dead-letters/printable.ts';

/** A named value of a row or an archive line. */
export interface ShownField {
  readonly name: string;
  /** The value as JSON text, with all digits. */
  readonly json: string;
  /** The value as plain text, if that is not the JSON text. */
  readonly text?: string;
}

/** Control characters that JSON allows unescaped: a terminal would interpret them. */
const RAW_CONTROLS = /[\u007f-\u009f\u2028\u2029]/g;

/** A record as one line of JSON. */
export function recordJson(fields: readonly ShownField[]): string {
  const members = fields.map(({ name, json }) => `${JSON.stringify(name)}:${json}`);
  return `{${members.join(',')}}`.replace(RAW_CONTROLS, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const EMPTY: ReadonlySet<string> = new Set(['null', '[]', '{}']);

/** A record as text: a line for each field that has a value, then an empty line. */
export function recordText(fields: readonly ShownField[]): string {
  const shown = fields.filter(({ json }) => !EMPTY.has(json));
  const width = Math.max(...shown.map(({ name }) => name.length), 0);
  return shown.map(({ name, json, text = json }) => `${oneLine(name).padEnd(width)}  ${oneLine(text)}\n`).join('');
}
