/** The command line cannot be used. The message is one line with the reason and a remedy. */
export class UsageError extends Error {}

/** Ends the process with 2 if the command line cannot be used: 1 means that a target was missed. */
export function orUsage<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
