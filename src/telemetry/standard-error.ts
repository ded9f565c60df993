import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { isatty } from 'node:tty';

const STDOUT = 1;
const STDERR = 2;
/** Time until a terminal that accepts no more is retried. */
const AGAIN_MS = 50;

const shared = new Map<number, BoundedLog>();

/**
 * Returns the log of the process on standard error, shared by all of its services. The process continues even if it
 * fails.
 */
export function standardErrorLog(): BoundedLog {
  return sharedLog(STDERR);
}

/** Returns the log of the process on standard output; otherwise like `standardErrorLog`. */
export function standardOutputLog(): BoundedLog {
  return sharedLog(STDOUT);
}

function sharedLog(descriptor: number): BoundedLog {
  const known = shared.get(descriptor);
  if (known !== undefined) return known;
  const log = new BoundedLog(openDescriptor(descriptor));
  process.once('exit', () => log.flushNow());
  shared.set(descriptor, log);
  return log;
}

/** True if standard error is a terminal. */
export function isOnTerminal(): boolean {
  return isatty(STDERR);
}

/** Waits until the lines of this process's logs are written, or the time is over. */
export async function flushLogs(withinMs: number): Promise<void> {
  await Promise.all(Array.from(shared.values(), (log) => log.flush(withinMs)));
}

/**
 * Opens standard output or standard error. Pipes and sockets go through the stream of `process`, which does not block
 * on them. Everything else is written in a thread, where a full or slow disk costs lines but no time of the event loop.
 */
function openDescriptor(descriptor: number): LogOutput {
  const kind = fstatSync(descriptor);
  if (kind.isFIFO() || kind.isSocket()) return streamOutput(descriptor);
  if (!isatty(descriptor)) return fileOutput(descriptor);
  try {
    // Reopened as non-blocking: a thread blocked on a terminal would delay the exit of the process.
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return fileOutput(openSync(`/dev/fd/${descriptor}`, flags));
  } catch {
    return streamOutput(descriptor);
  }
}

function streamOutput(descriptor: number): LogOutput {
  const stream = descriptor === STDOUT ? process.stdout : process.stderr;
  stream.on('error', () => {
    // Also passed to the callback of the write.
  });
  return {
    write: (chunk, done) => {
      stream.write(chunk, done);
    },
    writeNow: (chunk) => {
      // Otherwise the rest of a line comes first, and there is no room.
      if (stream.writableLength === 0) writeWhatFits(descriptor, Buffer.from(chunk));
    },
  };
}

function fileOutput(descriptor: number): LogOutput {
  /** True if a line was written in part, so that the next one must start on its own line. */
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
    // The process ends: there is no other place for refused lines.
  }
}

/** An output for chunks of log lines. Takes one chunk at a time, and never blocks the process. */
export interface LogOutput {
  /** Calls `done` once the chunk is written, or with the error of a failed write. */
  write(chunk: string, done: (error?: Error | null) => void): void;
  /** Synchronously writes what fits, at the end of the process. Omitted if that could delay the exit. */
  writeNow?(chunk: string): void;
}

const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * A log destination that never blocks, fails or grows without limit. Lines wait for a slow output up to `maxBytes`;
 * then new ones are dropped, as are lines that the output refuses. Both are counted.
 */
export class BoundedLog {
  readonly #output: LogOutput;
  readonly #maxBytes: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** Lines and bytes being written. */
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

  /** Accepts one line, with its line feed. */
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

  /** Writes waiting lines while the process exits. Lines that do not fit are lost. */
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
