import { setTimeout as wait } from 'node:timers/promises';

/** An output for chunks of log lines: takes one at a time, and never blocks the process. */
export interface LogOutput {
  /** Calls `done` once the chunk is written, or with the error that kept it from being written. */
  write(chunk: string, done: (error?: Error | null) => void): void;
  /** Writes at once what fits, at the end of the process. Left out where that could hold up its end. */
  writeNow?(chunk: string): void;
}

const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * A log destination that never blocks, fails or grows without limit. Lines wait for a slow output up to `maxBytes`; then
 * new ones are dropped. Lines that the output refuses are dropped too. Both are counted.
 */
export class BoundedLog {
  readonly #output: LogOutput;
  readonly #maxBytes: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** Lines and bytes that the output is writing. */
  #writingLines = 0;
  #writingBytes = 0;
  #dropped = 0;

  constructor(output: LogOutput, maxBytes = MAX_WAITING_BYTES) {
    this.#output = output;
    this.#maxBytes = maxBytes;
  }

  /** Lines that were not written. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes one line, with its line feed. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#waitingBytes + this.#writingBytes + bytes > this.#maxBytes) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += bytes;
    if (this.#writingLines === 0) this.#writeWaiting();
  }

  /** Resolves once all lines are written or dropped, or when the time is over. */
  async flush(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (this.#writingLines > 0 && performance.now() < deadline) await wait(5);
  }

  /** Writes what waits while the process exits; lines that do not fit are lost with it. */
  flushNow(): void {
    if (this.#waiting.length > 0) this.#output.writeNow?.(this.#takeWaiting());
  }

  #writeWaiting(): void {
    const lines = this.#waiting.length;
    this.#writingLines = lines;
    this.#writingBytes = this.#waitingBytes;
    this.#output.write(this.#takeWaiting(), (error) => {
      if (error) this.#dropped += lines;
      this.#writingLines = 0;
      this.#writingBytes = 0;
      if (this.#waiting.length > 0) this.#writeWaiting();
    });
  }

  #takeWaiting(): string {
    const chunk = this.#waiting.join('');
    this.#waiting = [];
    this.#waitingBytes = 0;
    return chunk;
  }
}
