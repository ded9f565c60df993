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
/** A double holds every number of up to so many characters exactly. */
const PLAIN_NUMBER = 15;

/**
 * True if bytes are a flat JSON object: without blanks, its names and texts in ASCII without escapes, its other values
 * plain numbers. Such an object is valid, and what it holds is found without parsing it. False for all others.
 *
 * A fast path: 0.07 µs for 55 bytes, where decoding and parsing take 0.38 µs and leave an object to collect.
 *
 * @param start where the object's opening brace stands.
 * @param end behind its closing brace.
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
 * The text under a name in a flat object; null if it has no such name, and undefined if a number stands there. Of equal
 * names the last one counts.
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

/** Returns the first index of a byte. For short distances, which a call to Node makes slower. */
function indexOf(wanted: number, json: Uint8Array, start: number): number {
  let place = start;
  while (place < json.length && json[place] !== wanted) place += 1;
  return place;
}

/** Behind the text that begins with a quote at `start`; -1 if none does, or not all of it is plain. */
function endOfText(json: Uint8Array, start: number): number {
  if (json[start] !== QUOTE) return -1;
  for (let place = start + 1; place < json.length; place += 1) {
    const byte = json[place] ?? 0;
    if (byte === QUOTE) return place + 1;
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return -1;
  }
  return -1;
}

/** Behind a number without an exponent; -1 if there is none, or it is long. */
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
