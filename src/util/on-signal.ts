/** The orchestrator's, Ctrl-C, and a terminal that closes. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Calls `stop` on the first signal to end. A second one ends the process at once, with code 1. */
export function onSignal(stop: () => void): void {
  let signalled = false;
  const listener = (): void => {
    if (signalled) process.exit(1);
    signalled = true;
    stop();
  };
  for (const signal of SIGNALS) process.on(signal, listener);
}
