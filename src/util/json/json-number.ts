/** The shortest part of a text that V8 makes as a view of it: `SlicedString::kMinLength`. */
const LEAST_SLICE = 13;

/**
 * A number of a JSON text with its own digits, where a double would lose some of them or print them otherwise. It
 * counts and compares as a number does, prints its digits, and `JSON.stringify` writes them.
 */
export class JsonNumber {
  readonly #digits: string;

  constructor(digits: string) {
    // A part of a text holds all of the text: V8 copies only shorter ones.
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

/** TypeScript has no types of `JSON.rawJSON` yet. */
function rawJsonOfRuntime(): (text: string) => unknown {
  if (!('rawJSON' in JSON) || typeof JSON.rawJSON !== 'function') {
    throw new Error('this version of Node has no JSON.rawJSON, which numbers of many digits need: use 22.18 or later');
  }
  const { rawJSON } = JSON;
  return (text) => rawJSON(text);
}

/** True for an object of a parsed JSON text: not for a list, null, or a number with digits of its own. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}
