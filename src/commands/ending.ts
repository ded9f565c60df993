import { flushStandardError } from '../telemetry/standard-error.ts';

/** At the end of a command: time for log lines whose reader is slow. */
const FLUSH_MS = 500;

/** Makes the action of a command: ends the process with its code, once its output is written. */
export function ending<Args extends unknown[]>(command: (...args: Args) => Promise<number>) {
  return async (...args: Args): Promise<void> => {
    process.exitCode = await command(...args);
    await flushStandardError(FLUSH_MS);
    // A pipe takes a large output as fast as it is read.
    await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
    // Clients keep handles open after they are closed; what matters has been flushed by the command.
    setTimeout(() => process.exit(), 100).unref();
  };
}
