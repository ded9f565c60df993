import { flushLogs } from '../telemetry/standard-error.ts';

/** Time for log lines with a slow reader at the end of a command. */
const FLUSH_MS = 500;

/** Wraps a command as an action that exits with its code once its output is written. */
export function ending<Args extends unknown[]>(command: (...args: Args) => Promise<number>) {
  return async (...args: Args): Promise<void> => {
    process.exitCode = await command(...args);
    await flushLogs(FLUSH_MS);
    // A pipe accepts a large output only as fast as it is read.
    await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
    // Clients keep handles open after they are closed; the command has already flushed what matters.
    setTimeout(() => process.exit(), 100).unref();
  };
}
