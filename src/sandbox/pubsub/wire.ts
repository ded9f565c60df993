/** Protobuf's wire types that Pub/Sub's messages use (https://protobuf.dev/programming-guides/encoding/). */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Reads protobuf fields out of `bytes[at, end)`; throws a RangeError where they are cut off or malformed. */
export class Reader {
  readonly bytes: Buffer;
  readonly end: number;
  at: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** An unsigned varint; exact up to 2^53. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count += 1) {
      if (this.at >= this.end) break;
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new RangeError('malformed varint');
  }

  /** An int32 or int64 field; a negative one takes ten bytes and keeps its sign, not its last digits. */
  signed(): number {
    const value = this.varint();
    return value >= 2 ** 63 ? Math.min(value - 2 ** 64, -1) : value;
  }

  /** Where the length-delimited field that starts here ends; leaves `at` at its first byte. */
  limit(): number {
    const length = this.varint();
    const limit = this.at + length;
    if (limit > this.end) throw new RangeError('a field is cut off');
    return limit;
  }

  string(): string {
    const limit = this.limit();
    const text = this.bytes.toString('utf8', this.at, limit);
    this.at = limit;
    return text;
  }

  /** Passes over the field whose tag was just read. */
  skip(tag: number): void {
    const type = tag & 7;
    if (type === VARINT) this.varint();
    else if (type === LENGTH_DELIMITED) this.at = this.limit();
    else if (type === FIXED64) this.at += 8;
    else if (type === FIXED32) this.at += 4;
    else throw new RangeError(`unknown wire type ${type}`);
  }
}

export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
}

/** Writes `value` as a varint and returns the offset behind it. */
export function writeVarint(target: Buffer, at: number, value: number): number {
  let offset = at;
  let rest = value;
  while (rest >= 0x80) {
    target[offset++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[offset++] = rest;
  return offset;
}

/** A whole length-delimited field (a string, bytes or an embedded message); for what is not hot. */
export function lengthDelimited(field: number, content: string | Uint8Array): Buffer {
  const body = Buffer.from(content);
  const head = Buffer.allocUnsafe(10);
  const offset = writeVarint(head, writeVarint(head, 0, field * 8 + LENGTH_DELIMITED), body.length);
  return Buffer.concat([head.subarray(0, offset), body]);
}

/** A whole varint field; for what is not hot. */
export function varintField(field: number, value: number): Buffer {
  const target = Buffer.allocUnsafe(20);
  return target.subarray(0, writeVarint(target, writeVarint(target, 0, field * 8 + VARINT), value));
}
