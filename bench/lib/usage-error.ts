/** The command line cannot be followed; the message is one line that says why, and the way out. */
export class UsageError extends Error {}

/** Ends the process with 2 if the command line cannot be followed: 1 says that a target was missed. */
export function orUsage<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
