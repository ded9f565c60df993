/** Up to this length, writing characters one by one is faster than a call to Node. */
const SHORT = 24;

/** Bytes of a field with a length, its tag (of a number below 16) and length included. */
export function embedded(length: number): number {
  let size = 2 + length;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) size += 1;
  return size;
}

/** Bytes of a text in UTF-8. */
export function utf8Size(text: string): number {
  if (text.length > SHORT) return Buffer.byteLength(text);
  for (let index = 0; index < text.length; index += 1)
    if (text.charCodeAt(index) > 0x7f) return Buffer.byteLength(text);
  return text.length;
}

/**
 * Writes the fields of a protobuf message one behind the other, into a buffer that has room for them. A tag is
 * `(number << 3) | 2`: that of a field with a length.
 */
export class ProtobufWriter {
  readonly bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Tag and length of a field whose content is written next. */
  begin(tag: number, length: number): void {
    this.bytes[this.#position++] = tag;
    let rest = length;
    for (; rest > 0x7f; rest >>>= 7) this.bytes[this.#position++] = (rest & 0x7f) | 0x80;
    this.bytes[this.#position++] = rest;
  }

  data(tag: number, data: Uint8Array): void {
    this.begin(tag, data.byteLength);
    this.bytes.set(data, this.#position);
    this.#position += data.byteLength;
  }

  text(tag: number, text: string): void {
    const size = utf8Size(text);
    this.begin(tag, size);
    if (size === text.length && size <= SHORT) {
      for (let index = 0; index < size; index += 1) this.bytes[this.#position++] = text.charCodeAt(index);
    } else this.#position += this.bytes.write(text, this.#position, size === text.length ? 'latin1' : 'utf8');
  }
}
