/**
 * Polls `check` until it returns without throwing, and returns what it returned; after the deadline the last error is
 * thrown. The polling way to wait: no test sleeps a fixed time to be right.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { deadlineMs = 20_000, everyMs = 25 }: { deadlineMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
