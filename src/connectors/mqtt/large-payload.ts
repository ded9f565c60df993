import { createHash } from 'node:crypto';
import type { WholeData } from '../../core/message.ts';

/** Twice the attributes that Pub/Sub allows: 100 names and values of 256 and 1,024 bytes. */
const MAX_BYTES_BEFORE = 256 * 1024;

/** The retained bytes of a payload; `whole` is set if they are only its beginning. */
export interface KeptPayload {
  readonly before: Buffer;
  readonly payload: Buffer;
  readonly whole?: WholeData;
}

/**
 * Collects the payload of a large PUBLISH packet as it arrives, in one buffer of its size. Beyond `maxBytes`, keeps
 * only the length and the hash of the whole payload.
 */
export class LargePayload {
  readonly #byteLength: number;
  readonly #before: Buffer;
  readonly #payload: Buffer;
  readonly #hash: ReturnType<typeof createHash> | undefined;
  #missingBefore: number;
  #keptBefore = 0;
  #missing: number;
  #kept = 0;

  /** @param before bytes that precede the payload; the first 256 KiB of them are kept. */
  constructor(before: number, byteLength: number, maxBytes: number) {
    this.#missingBefore = before;
    this.#before = Buffer.allocUnsafeSlow(Math.min(before, MAX_BYTES_BEFORE));
    this.#missing = byteLength;
    this.#byteLength = byteLength;
    this.#payload = Buffer.allocUnsafeSlow(Math.min(byteLength, maxBytes));
    this.#hash = byteLength > maxBytes ? createHash('sha256') : undefined;
  }

  get isComplete(): boolean {
    return this.#missingBefore + this.#missing === 0;
  }

  /** Consumes the next bytes, and returns how many of the given ones belong to the packet. */
  take(bytes: Buffer): number {
    const start = Math.min(this.#missingBefore, bytes.length);
    this.#missingBefore -= start;
    this.#keptBefore += bytes.copy(this.#before, this.#keptBefore, 0, start);
    const end = start + Math.min(this.#missing, bytes.length - start);
    this.#missing -= end - start;
    // Copies as much as fits.
    this.#kept += bytes.copy(this.#payload, this.#kept, start, end);
    this.#hash?.update(bytes.subarray(start, end));
    return end;
  }

  /** Must be called once, when complete. */
  kept(): KeptPayload {
    const before = this.#before;
    const payload = this.#payload;
    if (this.#hash === undefined) return { before, payload };
    return { before, payload, whole: { byteLength: this.#byteLength, sha256: this.#hash.digest('hex') } };
  }
}
