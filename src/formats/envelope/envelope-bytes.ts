const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
/** A double holds every number of up to this many characters exactly. */
const PLAIN_NUMBER = 15;

/**
 * Returns true if the bytes are a flat JSON object: no whitespace, names and strings in ASCII without escapes, all
 * other values plain numbers. Such an object is valid JSON, and its members can be found without parsing.
 *
 * A fast path: 0.07 µs for 55 bytes, where decoding and parsing take 0.38 µs and leave an object to collect.
 *
 * @param start index of the opening brace.
 * @param end index after the closing brace.
 */
export function isFlatObject(json: Uint8Array, start: number, end: number): boolean {
  const last = end - 1;
  if (json[start] !== OPENING_BRACE || json[last] !== CLOSING_BRACE || last <= start) return false;
  if (last === start + 1) return true;
  for (let place = start + 1; ; place += 1) {
    place = endOfText(json, place);
    if (json[place] !== COLON) return false;
    place = json[place + 1] === QUOTE ? endOfText(json, place + 1) : endOfNumber(json, place + 1);
    if (place === last) return true;
    if (json[place] !== COMMA) return false;
  }
}

/**
 * Returns the string under a name in a flat object; null if the name is missing, undefined if its value is a number.
 * The last of several equal names wins.
 */
export function textInFlatObject(
  json: Buffer,
  start: number,
  end: number,
  name: Uint8Array,
): string | null | undefined {
  const last = end - 1;
  let found: string | null | undefined = null;
  for (let place = start + 1; place < last; place += 1) {
    const isIt = isTextAt(json, place, name);
    const valueStart = indexOf(QUOTE, json, place + 1) + 2;
    const isText = json[valueStart] === QUOTE;
    place = isText ? indexOf(QUOTE, json, valueStart + 1) + 1 : Math.min(last, indexOf(COMMA, json, valueStart));
    if (isIt) found = isText ? json.toString('latin1', valueStart + 1, place - 1) : undefined;
  }
  return found;
}

/** Returns the first index of a byte. Faster than a call to Node for short distances. */
function indexOf(wanted: number, json: Uint8Array, start: number): number {
  let place = start;
  while (place < json.length && json[place] !== wanted) place += 1;
  return place;
}

/** Returns the index after the string that starts with a quote at `start`; -1 if there is none, or it is not plain. */
function endOfText(json: Uint8Array, start: number): number {
  if (json[start] !== QUOTE) return -1;
  for (let place = start + 1; place < json.length; place += 1) {
    const byte = json[place] ?? 0;
    if (byte === QUOTE) return place + 1;
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return -1;
  }
  return -1;
}

/** Returns the index after a number without an exponent; -1 if there is none, or it is too long. */
function endOfNumber(json: Uint8Array, start: number): number {
  const first = json[start] === MINUS ? start + 1 : start;
  const whole = endOfDigits(json, first);
  if (whole === first || (json[first] === ZERO && whole > first + 1)) return -1;
  const end = json[whole] === DOT ? endOfDigits(json, whole + 1) : whole;
  return end === whole + 1 || end - start > PLAIN_NUMBER ? -1 : end;
}

function endOfDigits(json: Uint8Array, start: number): number {
  let place = start;
  for (; place < json.length; place += 1) {
    const byte = json[place] ?? 0;
    if (byte < ZERO || byte > NINE) break;
  }
  return place;
}

function isTextAt(json: Uint8Array, start: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index += 1) if (json[start + 1 + index] !== text[index]) return false;
  return json[start + 1 + text.length] === QUOTE;
}

const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
/** Limit of the bit set. */
const MAX_MEMBERS = 31;
/** A call to Node costs as much as writing this many bytes one by one. */
const SHORT = 48;

/** A member of a JSON object, encoded in UTF-8. */
interface WrittenMember {
  /** `"name":value` */
  readonly bytes: Buffer;
  /** Length of the name with its quotes. */
  readonly nameLength: number;
}

/** Members to set in JSON objects, encoded once. */
export interface WrittenMembers {
  readonly members: readonly WrittenMember[];
  /** The most bytes they take, with their commas. */
  readonly byteLength: number;
}

/** Cache for frozen members, which many messages share. */
const WRITTEN = new WeakMap<object, WrittenMembers>();

/**
 * Encodes names and values as JSON. Returns undefined if JSON omits one of the values, or if there are more than 31
 * members. Throws as JSON.stringify does.
 */
export function writtenMembers(set: Readonly<Record<string, unknown>>): WrittenMembers | undefined {
  const known = WRITTEN.get(set);
  if (known !== undefined) return known;
  const members: WrittenMember[] = [];
  let byteLength = 0;
  for (const [name, value] of Object.entries(set)) {
    const written = JSON.stringify(value);
    if (written === undefined) return undefined;
    const quoted = JSON.stringify(name);
    const bytes = Buffer.from(`${quoted}:${written}`);
    members.push({ bytes, nameLength: Buffer.byteLength(quoted) });
    byteLength += bytes.length + 1;
  }
  if (members.length > MAX_MEMBERS) return undefined;
  const result = { members, byteLength };
  if (Object.isFrozen(set)) WRITTEN.set(set, result);
  return result;
}

let scratch = Buffer.allocUnsafe(4 * 1024);

/**
 * Sets members of a JSON object: replaces existing ones in place and appends the others. Everything else stays as
 * written.
 *
 * A fast path, in one pass over the bytes. Handles objects without whitespace between members and without escapes in
 * names; returns undefined for all others.
 *
 * @param start index of the opening brace.
 * @param end index after the closing brace. The object must be valid: `JSON.parse` has accepted it.
 * @returns the object and all bytes after it, one character per byte (`latin1`), which takes the least memory.
 */
export function splicedMembers(json: Buffer, start: number, end: number, set: WrittenMembers): string | undefined {
  const { members, byteLength } = set;
  const room = json.length - start + byteLength + 1;
  if (scratch.length < room) scratch = Buffer.allocUnsafe(room * 2);
  const target = scratch;
  const last = end - 1;
  let length = 0;
  let copied = start;
  let placed = 0;
  let place = start + 1;
  while (json[place] === QUOTE) {
    const nameEnd = endOfPlainString(json, place);
    if (json[nameEnd] !== COLON) return undefined;
    const valueEnd = endOfValue(json, nameEnd + 1, last);
    const index = indexOfName(members, json, place, nameEnd);
    const member = members[index];
    if (member !== undefined) {
      if ((placed & (1 << index)) !== 0) return undefined;
      placed |= 1 << index;
      length = append(target, length, json, copied, place);
      length = append(target, length, member.bytes, 0, member.bytes.length);
      copied = valueEnd;
    }
    place = valueEnd;
    if (json[place] !== COMMA) break;
    place += 1;
  }
  if (place !== last) return undefined;
  length = append(target, length, json, copied, last);
  for (let index = 0; index < members.length; index += 1) {
    const member = members[index];
    if (member === undefined || (placed & (1 << index)) !== 0) continue;
    if (length > 1) target[length++] = COMMA;
    length = append(target, length, member.bytes, 0, member.bytes.length);
  }
  length = append(target, length, json, last, json.length);
  return target.toString('latin1', 0, length);
}

function append(target: Buffer, length: number, source: Buffer, start: number, end: number): number {
  if (end - start > SHORT) return length + source.copy(target, length, start, end);
  let place = length;
  for (let index = start; index < end; index += 1) target[place++] = source[index] ?? 0;
  return place;
}

function indexOfName(members: readonly WrittenMember[], json: Buffer, start: number, end: number): number {
  for (let index = 0; index < members.length; index += 1) {
    const member = members[index];
    if (member !== undefined && member.nameLength === end - start && beginsWith(json, start, end, member.bytes)) {
      return index;
    }
  }
  return -1;
}

function beginsWith(json: Buffer, start: number, end: number, expected: Buffer): boolean {
  for (let index = start; index < end; index += 1) if (json[index] !== expected[index - start]) return false;
  return true;
}

/** Returns the index after the string that starts at `start`; -1 if it contains an escape. */
function endOfPlainString(json: Buffer, start: number): number {
  for (let place = start + 1; place < json.length; place += 1) {
    const byte = json[place];
    if (byte === QUOTE) return place + 1;
    if (byte === BACKSLASH) return -1;
  }
  return -1;
}

function endOfString(json: Buffer, start: number): number {
  let place = start + 1;
  for (; place < json.length; place += 1) {
    const byte = json[place];
    if (byte === QUOTE) break;
    if (byte === BACKSLASH) place += 1;
  }
  return place + 1;
}

/** Returns the index of the comma or brace after a member's value, up to the closing brace at `last`. */
function endOfValue(json: Buffer, start: number, last: number): number {
  let depth = 0;
  let place = start;
  while (place < last) {
    const byte = json[place];
    if (byte === QUOTE) {
      place = endOfString(json, place);
      continue;
    }
    if (byte === COMMA && depth === 0) return place;
    if (byte === OPENING_BRACE || byte === OPENING_BRACKET) depth += 1;
    else if (byte === CLOSING_BRACE || byte === CLOSING_BRACKET) depth -= 1;
    place += 1;
  }
  return last;
}

const DASH = 0x2d;
const T = 0x54;
const Z = 0x5a;
const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** Length of `2026-01-31T23:59:59`. */
const SECONDS_LENGTH = 19;

/**
 * Returns whether bytes are a time in the form of `utcTime`, such as `2026-01-31T23:59:59.123Z`.
 *
 * A fast path for the publish time of every message: 0.05 µs, where decoding and a regular expression take 0.12 µs.
 */
export function isUtcTime(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start <= SECONDS_LENGTH || bytes[end - 1] !== Z) return false;
  if (bytes[start + 4] !== DASH || bytes[start + 7] !== DASH || bytes[start + 10] !== T) return false;
  if (bytes[start + 13] !== COLON || bytes[start + 16] !== COLON) return false;
  const year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2);
  if (!(year >= 1) || !isDay(year, twoDigits(bytes, start + 5), twoDigits(bytes, start + 8))) return false;
  if (!(twoDigits(bytes, start + 11) < 24 && twoDigits(bytes, start + 14) < 60)) return false;
  return twoDigits(bytes, start + 17) < 60 && isFraction(bytes, start + SECONDS_LENGTH, end - 1);
}

/** Returns NaN for anything but two digits. */
function twoDigits(bytes: Uint8Array, start: number): number {
  const [tens = 0, ones = 0] = [bytes[start], bytes[start + 1]];
  return isDigit(tens) && isDigit(ones) ? (tens - ZERO) * 10 + ones - ZERO : Number.NaN;
}

function isDay(year: number, month: number, day: number): boolean {
  const isLeapDay = month === 2 && day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return (day >= 1 && day <= (DAYS_OF_MONTH[month - 1] ?? 0)) || isLeapDay;
}

/** Accepts an empty fraction, or a dot with digits. */
function isFraction(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  if (bytes[start] !== DOT || end === start + 1) return false;
  for (let place = start + 1; place < end; place += 1) if (!isDigit(bytes[place] ?? 0)) return false;
  return true;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}
