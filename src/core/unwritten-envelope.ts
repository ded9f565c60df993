import type { ReadEnvelope } from './read-envelope.ts';

/** With `latin1`, each character of a text stands for one byte of UTF-8. */
type TextEncoding = 'utf8' | 'latin1';

/**
 * An envelope that is yet to be written: the head of the one that a message came in, where it came in one, a text, and the
 * end of that envelope. So it is written once, to where it is to stand in the end.
 */
export class UnwrittenEnvelope {
  readonly byteLength: number;
  readonly #original: ReadEnvelope | undefined;
  readonly #headLength: number;
  readonly #tailLength: number;
  readonly #text: string;
  readonly #encoding: TextEncoding;

  /**
   * @param headLength how many bytes of the original envelope stand before the text.
   * @param tailLength how many of its last bytes stand behind it.
   */
  constructor(
    original: ReadEnvelope | undefined,
    headLength: number,
    text: string,
    tailLength = 0,
    encoding: TextEncoding = 'utf8',
  ) {
    this.byteLength = headLength + (encoding === 'latin1' ? text.length : Buffer.byteLength(text)) + tailLength;
    this.#original = original;
    this.#headLength = headLength;
    this.#tailLength = tailLength;
    this.#text = text;
    this.#encoding = encoding;
  }

  /** Writes `byteLength` bytes to a buffer that has room for them. */
  write(target: Buffer, start: number): void {
    let place = start;
    const bytes = this.#original?.bytes;
    if (bytes !== undefined) place += bytes.copy(target, start, 0, this.#headLength);
    place += target.write(this.#text, place, this.#encoding);
    if (bytes === undefined) return;
    for (let index = bytes.length - this.#tailLength; index < bytes.length; index += 1) {
      target[place++] = bytes[index] ?? 0;
    }
  }
}
