/** MQTT-1.5.5. */
export const MAX_INTEGER_BYTES = 4;

/**
 * Returns the length of the integer at `start`: 0 if `end` cuts it off, more than `MAX_INTEGER_BYTES` if it is invalid.
 */
export function integerLength(bytes: Buffer, start: number, end: number): number {
  for (let length = 1; length <= MAX_INTEGER_BYTES; length += 1) {
    if (start + length > end) return 0;
    if ((bytes[start + length - 1] ?? 0) < 0x80) return length;
  }
  return MAX_INTEGER_BYTES + 1;
}

/** Decodes the integer of `length` bytes at `start`. */
export function integerAt(bytes: Buffer, start: number, length: number): number {
  let value = 0;
  for (let byte = 0; byte < length; byte += 1) value += ((bytes[start + byte] ?? 0) & 0x7f) << (7 * byte);
  return value;
}
