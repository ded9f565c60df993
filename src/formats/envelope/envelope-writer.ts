import type { EnvelopeView } from './envelope-view.ts';

/** With `latin1`, each character of a text stands for one byte of UTF-8. */
type TextEncoding = 'utf8' | 'latin1';

/**
 * An envelope that is yet to be written: the head of the one that a message came in, where it came in one, and the text
 * behind it. So it is written once, to where it is to stand in the end.
 */
export class EnvelopeWriter {
  readonly byteLength: number;
  readonly #head: EnvelopeView | undefined;
  readonly #headLength: number;
  readonly #text: string;
  readonly #encoding: TextEncoding;

  /** @param headLength how many bytes of the head stay. */
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
