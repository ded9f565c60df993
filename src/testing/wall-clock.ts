import type { Scope } from './scope.ts';

/**
 * The wall clock of this process, which a test sets like NTP or an operator. Timers and `performance` are not affected.
 */
export interface WallClock {
  /** Sets the clock forward, or back with a negative number. */
  step(ms: number): void;
}

/** Replaces `Date.now` until the scope closes: a test cannot set the machine's clock. */
export function takeWallClock(scope: Scope): WallClock {
  const real = Date.now;
  let aheadMs = 0;
  Date.now = () => real() + aheadMs;
  scope.defer(() => {
    Date.now = real;
  });
  return {
    step: (ms) => {
      aheadMs += ms;
    },
  };
}
