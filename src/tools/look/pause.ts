import { setTimeout } from 'node:timers/promises';

/** Waits, and returns true; false once the signal has come. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return setTimeout(ms, true, { signal }).catch(() => false);
}
