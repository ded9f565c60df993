import { createHash } from 'node:crypto';
import type { WholeData } from '../../core/message.ts';

/** What was kept of a payload; `whole` is set if that is only its beginning. */
export interface KeptPayload {
  readonly payload: Buffer;
  readonly whole?: WholeData;
}

/**
 * The payload of a large PUBLISH packet, taken in as it comes into one buffer of its size. Beyond `maxBytes` nothing is
 * kept but the length and the hash of the whole.
 */
export class LargePayload {
  readonly #byteLength: number;
  readonly #payload: Buffer;
  readonly #hash: ReturnType<typeof createHash> | undefined;
  #skip: number;
  #missing: number;
  #kept = 0;

  /** @param skip bytes that come before it, and are passed over. */
  constructor(skip: number, byteLength: number, maxBytes: number) {
    this.#skip = skip;
    this.#missing = byteLength;
    this.#byteLength = byteLength;
    this.#payload = Buffer.allocUnsafeSlow(Math.min(byteLength, maxBytes));
    this.#hash = byteLength > maxBytes ? createHash('sha256') : undefined;
  }

  get isComplete(): boolean {
    return this.#skip + this.#missing === 0;
  }

  /** Takes in what comes next, and returns how many of the bytes that were. */
  take(bytes: Buffer): number {
    const start = Math.min(this.#skip, bytes.length);
    this.#skip -= start;
    const end = start + Math.min(this.#missing, bytes.length - start);
    this.#missing -= end - start;
    // Copies as much as there is room for.
    this.#kept += bytes.copy(this.#payload, this.#kept, start, end);
    this.#hash?.update(bytes.subarray(start, end));
    return end;
  }

  /** To be called once, when it is complete. */
  kept(): KeptPayload {
    const payload = this.#payload;
    if (this.#hash === undefined) return { payload };
    return { payload, whole: { byteLength: this.#byteLength, sha256: this.#hash.digest('hex') } };
  }
}
