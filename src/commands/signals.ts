import { EXIT } from './exit-codes.ts';

/** The orchestrator's, Ctrl-C, and a terminal that closes. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Calls `stop` on the first signal to end. A second one ends the process at once. */
export function onSignal(stop: () => void): void {
  let signalled = false;
  const listener = (): void => {
    if (signalled) process.exit(EXIT.failed);
    signalled = true;
    stop();
  };
  for (const signal of SIGNALS) process.on(signal, listener);
}
