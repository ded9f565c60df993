import type { Scope } from './scope.ts';

/** The wall clock of this process, which a test sets as NTP or an operator would. Timers and `performance` go on. */
export interface WallClock {
  /** Sets the clock forward, or back with a negative number. */
  step(ms: number): void;
}

/** Takes the place of `Date.now` until the scope closes: the clock of the machine is not a test's to set. */
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
