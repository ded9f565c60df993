import { setImmediate } from 'node:timers/promises';

export interface EventuallyOptions {
  /**
   * Default: 40 s. It is shorter than the services' leases, which distinguishes returned messages from expired ones.
   */
  readonly deadlineMs?: number;
  readonly everyMs?: number;
  /** The deadline restarts whenever this value changes, which distinguishes stuck from slow. */
  readonly progress?: () => number;
}

/** After a stall of the whole process, timers fire before data that arrived in the meantime: check once more. */
async function handleWhatIsDue(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

/**
 * Polls `check` until it returns without throwing, and returns its result. After the deadline, throws the last error.
 * Tests wait with this: no test sleeps a fixed time.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { deadlineMs = 40_000, everyMs = 25, progress }: EventuallyOptions = {},
): Promise<T> {
  let deadline = performance.now() + deadlineMs;
  let seen = progress?.();
  for (;;) {
    try {
      return await check();
    } catch {
      const now = progress?.();
      if (now !== seen) {
        seen = now;
        deadline = performance.now() + deadlineMs;
      } else if (performance.now() >= deadline) {
        await handleWhatIsDue();
        return check();
      }
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
