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
    throw new Error('this version of Node has no JSON.rawJSON, which numbers of many digits need: use 22.18 or later');
  }
  const { rawJSON } = JSON;
  return (text) => rawJSON(text);
}

/** Returns true for an object of parsed JSON; false for a list, null or a JsonNumber. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}
