import { setImmediate } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Default: 40 s, which is less than the leases of the services, so that it tells what is given back from what expires. */
  readonly deadlineMs?: number;
  readonly everyMs?: number;
  /** The deadline begins anew whenever this changes: so it tells what is stuck from what is slow. */
  readonly progress?: () => number;
}

/** After a stall of the whole process timers come before what has arrived meanwhile: it is due, and not late. */
async function handleWhatIsDue(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

/**
 * Polls `check` until it returns without throwing, and returns what it returned; after the deadline the last error is
 * thrown. The polling way to wait: no test sleeps a fixed time to be right.
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
