/** Integers of fewer digits fit into a double. */
const WIDE = 16;
const ZERO = 0x30;
const NINE = 0x39;
const DOT = 0x2e;

/**
 * False if a JSON text has no integer that a double cannot hold, exponents aside. True also for long digits in strings.
 *
 * A fast path: the digits of such an integer cover one of any 16 bytes in a row, so one byte of 16 is looked at.
 * Reading every number's source text instead makes `JSON.parse` six times slower.
 */
export function mayHaveWideInteger(bytes: Uint8Array, start = 0): boolean {
  for (let index = start + WIDE - 1; index < bytes.length; index += WIDE) {
    if (!isDigit(bytes[index])) continue;
    let first = index;
    while (first > start && isDigit(bytes[first - 1])) first -= 1;
    const isFraction = first > start && bytes[first - 1] === DOT;
    let end = index + 1;
    while (isDigit(bytes[end]) && (isFraction || end - first < WIDE)) end += 1;
    if (!isFraction && end - first >= WIDE) return true;
    // Behind these digits, however many they are: each byte is looked at once.
    index = end;
  }
  return false;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}
