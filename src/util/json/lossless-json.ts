import { JsonNumber } from './json-number.ts';
import { mayPrintOtherwise } from './odd-numbers.ts';
import { mayHaveWideInteger } from './wide-integer.ts';

/** TypeScript does not type the context yet. */
type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;
const reviving: (text: string, reviver: Reviver) => unknown = JSON.parse;

/** Doubles from here on hold this many decimal digits; smaller ones hold fewer. */
const DOUBLE_DIGITS = 15;
const SMALLEST_NORMAL = 2 ** -1022;

/**
 * Parses JSON, turning integers that a double cannot hold into JsonNumbers, along with other numbers in the same text
 * that lose digits. Texts without such integers go through plain `JSON.parse`.
 *
 * @param bytes the text in UTF-8.
 */
export function parseLossless(bytes: Uint8Array, text: string, start = 0): unknown {
  return mayHaveWideInteger(bytes, start) ? reviving(text, withLostDigits) : JSON.parse(text);
}

/**
 * Parses JSON, turning every number that would print differently, such as `1.0` or `1e400`, into a JsonNumber.
 *
 * @param parsed the parsed text, if available, for texts whose numbers print as written.
 * @param bytes the text in UTF-8, if available.
 */
export function parseExact(text: string, parsed?: unknown, bytes: Uint8Array = Buffer.from(text)): unknown {
  if (mayPrintOtherwise(bytes)) return reviving(text, withOtherText);
  return parsed === undefined ? JSON.parse(text) : parsed;
}

const withLostDigits: Reviver = (_key, value, context) =>
  typeof value === 'number' && context?.source !== undefined && losesDigits(context.source, value)
    ? new JsonNumber(context.source)
    : value;

const withOtherText: Reviver = (_key, value, context) =>
  typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
    ? new JsonNumber(context.source)
    : value;

function losesDigits(source: string, value: number): boolean {
  if (String(value) === source) return false;
  const digits = source.replace(/e.*$/i, '').replace(/[-.]/g, '').replace(/^0+/, '');
  return (
    digits.length > DOUBLE_DIGITS || !Number.isFinite(value) || (Math.abs(value) < SMALLEST_NORMAL && digits !== '')
  );
}
