/** Ack ids are 16 hexadecimal digits: 8 for the lease's slot, 8 for its generation. */
export const ACK_ID_LENGTH = 16;

const HALF = ACK_ID_LENGTH / 2;

const DIGITS = Buffer.from('0123456789abcdef');
const VALUES = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value += 1) VALUES[DIGITS[value] ?? 0] = value;

function writeHex(target: Buffer, at: number, value: number): void {
  let rest = value;
  for (let i = at + HALF - 1; i >= at; i -= 1) {
    target[i] = DIGITS[rest & 15] ?? 0;
    rest >>>= 4;
  }
}

/** -1 where it is no number. */
function readHex(bytes: Buffer, at: number): number {
  let value = 0;
  for (let i = at; i < at + HALF; i += 1) {
    const digit = VALUES[bytes[i] ?? 0] ?? -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

export function writeAckId(target: Buffer, at: number, slot: number, generation: number): void {
  writeHex(target, at, slot);
  writeHex(target, at + HALF, generation);
}

/** The ack ids of one request, in its order: for each its slot and its generation, -1 where it is none of ours. */
export class AckIds {
  readonly slots: number[] = [];
  readonly generations: number[] = [];
  readonly #spans: number[] = [];
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.slots.length;
  }

  /** Adds the ack id that stands in `bytes[start, end)`. */
  add(start: number, end: number): void {
    const fits = end - start === ACK_ID_LENGTH;
    this.slots.push(fits ? readHex(this.#bytes, start) : -1);
    this.generations.push(fits ? readHex(this.#bytes, start + HALF) : -1);
    this.#spans.push(start, end);
  }

  text(index: number): string {
    return this.#bytes.toString('latin1', this.#spans[index * 2], this.#spans[index * 2 + 1]);
  }
}
