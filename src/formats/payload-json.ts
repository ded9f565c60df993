import { utf8Text } from '../util/bytes.ts';
import { JsonNumber, parseExact } from '../util/json/lossless-json.ts';

/** A payload as a JSON value. */
export interface PayloadJson {
  /** `json`: the payload itself; `text`: a JSON string of it; `base64`: a JSON string of its bytes in base64. */
  readonly format: 'json' | 'text' | 'base64';
  /** The text of a JSON value that a JSON column of BigQuery takes. */
  readonly json: string;
}

/** https://docs.cloud.google.com/bigquery/docs/reference/standard-sql/data-types#json_type */
const MAX_DEPTH = 500;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;
const INTEGER = /^-?\d+$/;
const NUMBER = /^-?0*(\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** `JSON.stringify` escapes surrogates that have no other half. */
const LONE_SURROGATE = /\\ud[89a-f]/;

/**
 * Writes any payload as a JSON value, so that a JSON column takes it. JSON that such a column refuses is `text`: with
 * numbers that neither 64 bits nor a double hold, with more than 500 levels, or with half a surrogate pair.
 */
export function payloadJson(payload: Uint8Array): PayloadJson {
  const text = utf8Text(payload);
  if (text === undefined) return { format: 'base64', json: JSON.stringify(Buffer.from(payload).toString('base64')) };
  return isKept(text) ? { format: 'json', json: text } : { format: 'text', json: JSON.stringify(text) };
}

function isKept(text: string): boolean {
  try {
    const value = parseExact(text);
    return isKeptValue(value, 0) && !(text.includes('\\u') && LONE_SURROGATE.test(JSON.stringify(value)));
  } catch {
    return false;
  }
}

function isKeptValue(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (value instanceof JsonNumber) return isKeptNumber(String(value));
  if (depth === MAX_DEPTH) return false;
  for (const member of Object.values(value)) if (!isKeptValue(member, depth + 1)) return false;
  return true;
}

function isKeptNumber(source: string): boolean {
  if (INTEGER.test(source)) {
    const integer = BigInt(source);
    if (integer >= MIN_INT64 && integer <= MAX_UINT64) return true;
  }
  return plainDigits(String(Number(source))) === plainDigits(source);
}

/** The digits of a number and the place of its point, whichever way it is written. */
function plainDigits(number: string): string | undefined {
  const [match, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(number) ?? [];
  if (match === undefined) return undefined;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  return significant === ''
    ? '0'
    : `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
