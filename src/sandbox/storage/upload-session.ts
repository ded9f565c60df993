import { randomUUID } from 'node:crypto';
import type { JsonObject } from './json-object.ts';
import { invalid } from './storage-error.ts';
import type { Bytes, StoredObject } from './stored-object.ts';

/** Of a chunk that is not the last one, only a multiple of this is kept. */
const CHUNK_UNIT_BYTES = 256 * 1024;

interface ContentRange {
  /** Where the body belongs; undefined asks only for the status (`bytes * / *`). */
  readonly first: number | undefined;
  /** The last byte; undefined if the body runs to wherever it ends (`bytes 0-* / *`). */
  readonly last: number | undefined;
  readonly total: number | undefined;
}

/** Parses the header `Content-Range` of a resumable upload; without one, the body is the whole object. */
export function parseContentRange(header: string | null): ContentRange {
  if (header === null) return { first: 0, last: undefined, total: undefined };
  const match = /^bytes (?:\*|(\d+)-(\d+|\*))\/(\d+|\*)$/.exec(header);
  if (match === null) throw invalid(`Failed to parse Content-Range header '${header}'.`);
  const [first, last, total] = match.slice(1).map((text) => (text === undefined || text === '*' ? undefined : +text));
  return { first, last, total };
}

/** A resumable upload between its start and its end. It lives until then, or until the server closes. */
export class UploadSession {
  readonly id = randomUUID();
  readonly bucket: string;
  readonly object: string;
  /** The query of the call that started it: preconditions are checked once more at the end. */
  readonly query: URLSearchParams;
  /** The object resource that the caller gave at the start. */
  readonly body: JsonObject;
  /** Set when the object is stored; the status query then answers with it. */
  stored: StoredObject | undefined;
  #chunks: Bytes[] = [];
  #size = 0;

  constructor(start: { bucket: string; object: string; query: URLSearchParams; body: JsonObject }) {
    this.bucket = start.bucket;
    this.object = start.object;
    this.query = start.query;
    this.body = start.body;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes what is new of a body that starts at byte `first`, and keeps what came even if the connection breaks. */
  async receive(body: AsyncIterable<Uint8Array> | null, first: number): Promise<void> {
    let position = first;
    try {
      for await (const chunk of body ?? []) {
        const fresh = chunk.subarray(Math.max(0, this.#size - position));
        position += chunk.byteLength;
        if (position - fresh.byteLength > this.#size) continue; // A gap: the answer tells where to go on.
        this.#chunks.push(new Uint8Array(fresh));
        this.#size += fresh.byteLength;
      }
    } catch (error) {
      this.keepWholeUnits();
      throw error;
    }
  }

  keepWholeUnits(): void {
    const size = this.#size - (this.#size % CHUNK_UNIT_BYTES);
    this.#chunks = [this.content().subarray(0, size)];
    this.#size = size;
  }

  content(): Bytes {
    return Buffer.concat(this.#chunks);
  }

  /** 308 with the bytes kept so far, or without a `Range` if there are none. */
  incomplete(): Response {
    const headers = this.#size > 0 ? { range: `bytes=0-${this.#size - 1}` } : undefined;
    return new Response(null, { status: 308, ...(headers === undefined ? {} : { headers }) });
  }
}
