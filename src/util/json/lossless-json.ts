import { mayHaveWideInteger, mayPrintOtherwise } from './json-scan.ts';

/** The shortest substring that V8 creates as a view of its text: `SlicedString::kMinLength`. */
const LEAST_SLICE = 13;

/**
 * A JSON number with its original digits, used where a double would lose or reformat them. Counts and compares as a
 * number, prints its digits, and is written unchanged by `JSON.stringify`.
 */
export class JsonNumber {
  readonly #digits: string;

  constructor(digits: string) {
    // A longer substring would retain the whole text; V8 copies only shorter ones.
    this.#digits = digits.length < LEAST_SLICE ? digits : Buffer.from(digits, 'latin1').toString('latin1');
  }

  toString(): string {
    return this.#digits;
  }

  valueOf(): number {
    return Number(this.#digits);
  }

  toJSON(): unknown {
    return rawJson(this.#digits);
  }
}

const rawJson = rawJsonOfRuntime();

/** TypeScript does not type `JSON.rawJSON` yet. */
function rawJsonOfRuntime(): (text: string) => unknown {
  if (!('rawJSON' in JSON) || typeof JSON.rawJSON !== 'function') {
    throw new Error(
      'this version of Node lacks JSON.rawJSON, which numbers with many digits require: use 22.18 or later',
    );
  }
  const { rawJSON } = JSON;
  return (text) => rawJSON(text);
}

/** Returns true for an object of parsed JSON; false for a list, null or a JsonNumber. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

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
