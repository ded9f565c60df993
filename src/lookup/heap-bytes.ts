import { JsonNumber } from '../util/json/json-number.ts';

/** Of an object, a list, or a number with its own digits: its header, and the slot that refers to it. */
const OBJECT_BYTES = 48;
const SLOT_BYTES = 8;
/** Of a number in an object, which may be boxed. */
const NUMBER_BYTES = 24;
const STRING_BYTES = 32;
/** An object of more members is a table that has the names too; others share their names through a hidden class. */
const MOST_SHARED_NAMES = 64;
const TABLE_ENTRY_BYTES = 64;
const WIDE = /[^\0-\xff]/;

/**
 * Estimates what a value of JSON takes in V8's heap, rather above than below: a string takes one byte a character, two
 * if it has one beyond U+00FF, an object what its members take, and every part some overhead. A value that stands in
 * two places counts twice.
 */
export function heapBytes(value: unknown): number {
  let bytes = 0;
  // Not recursive: data that others have stored may be nested deeper than the stack.
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === 'string') bytes += textBytes(next);
    else if (typeof next !== 'object' || next === null) bytes += NUMBER_BYTES;
    else if (next instanceof JsonNumber) bytes += OBJECT_BYTES + textBytes(next.toString());
    else if (Array.isArray(next)) {
      bytes += OBJECT_BYTES + next.length * SLOT_BYTES;
      for (const element of next) if (typeof element !== 'number') waiting.push(element);
    } else {
      const members = Object.entries(next);
      bytes += OBJECT_BYTES;
      for (const [name, member] of members) {
        if (members.length > MOST_SHARED_NAMES) bytes += TABLE_ENTRY_BYTES + textBytes(name);
        waiting.push(member);
      }
    }
  }
  return bytes;
}

function textBytes(text: string): number {
  return STRING_BYTES + text.length * (WIDE.test(text) ? 2 : 1);
}
