/** Sent by the orchestrator, Ctrl-C, and a closing terminal. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Calls `stop` on the first termination signal. A second signal exits immediately with code 1. */
export function onSignal(stop: () => void): void {
  let signalled = false;
  const listener = (): void => {
    if (signalled) process.exit(1);
    signalled = true;
    stop();
  };
  for (const signal of SIGNALS) process.on(signal, listener);
}
