import type { EnvelopeView } from './envelope-view.ts';

/** `latin1`: each character represents one byte of UTF-8. */
type TextEncoding = 'utf8' | 'latin1';

/**
 * An envelope to be written: the unchanged head of the original envelope, if there is one, and the text after it. It is
 * encoded once, directly into its destination.
 */
export class EnvelopeWriter {
  readonly byteLength: number;
  readonly #head: EnvelopeView | undefined;
  readonly #headLength: number;
  readonly #text: string;
  readonly #encoding: TextEncoding;

  /** @param headLength bytes of the head to copy. */
  constructor(head: EnvelopeView | undefined, headLength: number, text: string, encoding: TextEncoding = 'utf8') {
    this.byteLength = headLength + (encoding === 'latin1' ? text.length : Buffer.byteLength(text));
    this.#head = head;
    this.#headLength = headLength;
    this.#text = text;
    this.#encoding = encoding;
  }

  /** Writes `byteLength` bytes to a buffer that has room for them. */
  write(target: Buffer, start: number): void {
    let place = start;
    if (this.#head !== undefined) place += this.#head.bytes.copy(target, start, 0, this.#headLength);
    target.write(this.#text, place, this.#encoding);
  }
}
