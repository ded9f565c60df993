import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { isatty } from 'node:tty';

const STDERR = 2;
/** A terminal that takes no more is tried again after this time. */
const AGAIN_MS = 50;

let shared: BoundedLog | undefined;

/** The log of the process on standard error, shared by all services in it. Whatever becomes of it, the process goes on. */
export function standardErrorLog(): BoundedLog {
  if (shared !== undefined) return shared;
  const log = new BoundedLog(openStandardError());
  process.once('exit', () => log.flushNow());
  shared = log;
  return log;
}

/** Waits until the lines of this process's log are written, or the time is over. */
export async function flushStandardError(withinMs: number): Promise<void> {
  await shared?.flush(withinMs);
}

/**
 * A pipe or socket is written through `process.stderr`, which does not block on them. Everything else is written in a
 * thread: there a full or slow disk costs lines, and no time of the event loop.
 */
function openStandardError(): LogOutput {
  const kind = fstatSync(STDERR);
  if (kind.isFIFO() || kind.isSocket()) return streamOutput();
  if (!isatty(STDERR)) return fileOutput(STDERR);
  try {
    // Opened anew, a terminal may be set not to block: a blocked thread would hold up the end of the process.
    return fileOutput(openSync('/dev/fd/2', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
  } catch {
    return streamOutput();
  }
}

function streamOutput(): LogOutput {
  process.stderr.on('error', () => {
    // Also passed to the callback of the write.
  });
  return {
    write: (chunk, done) => {
      process.stderr.write(chunk, done);
    },
    writeNow: (chunk) => {
      // Else the rest of a line comes first, and there is no room for it.
      if (process.stderr.writableLength === 0) writeWhatFits(STDERR, Buffer.from(chunk));
    },
  };
}

function fileOutput(descriptor: number): LogOutput {
  /** A line was written in part; the next one begins on a line of its own. */
  let isTorn = false;
  const writeRest = (rest: Buffer, done: (error?: Error | null) => void): void => {
    write(descriptor, rest, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(writeRest, AGAIN_MS, rest, done);
      else if (error) done(error);
      else if (written < rest.length) {
        isTorn = true;
        writeRest(rest.subarray(written), done);
      } else {
        isTorn = false;
        done();
      }
    });
  };
  return {
    write: (chunk, done) => writeRest(Buffer.from(isTorn ? `\n${chunk}` : chunk), done),
    writeNow: (chunk) => writeWhatFits(descriptor, Buffer.from(chunk)),
  };
}

function writeWhatFits(descriptor: number, chunk: Buffer): void {
  try {
    for (let rest = chunk; rest.length > 0; ) rest = rest.subarray(writeSync(descriptor, rest));
  } catch {
    // The process ends: what the output refuses has nowhere to go.
  }
}

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
