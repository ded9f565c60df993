export interface EventuallyOptions {
  readonly deadlineMs?: number;
  readonly everyMs?: number;
  /** The deadline begins anew whenever this changes: so it tells what is stuck from what is slow. */
  readonly progress?: () => number;
}

/**
 * Polls `check` until it returns without throwing, and returns what it returned; after the deadline the last error is
 * thrown. The polling way to wait: no test sleeps a fixed time to be right.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { deadlineMs = 20_000, everyMs = 25, progress }: EventuallyOptions = {},
): Promise<T> {
  let deadline = performance.now() + deadlineMs;
  let seen = progress?.();
  for (;;) {
    try {
      return await check();
    } catch (error) {
      const now = progress?.();
      if (now !== seen) {
        seen = now;
        deadline = performance.now() + deadlineMs;
      } else if (performance.now() >= deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
