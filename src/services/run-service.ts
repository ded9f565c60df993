import { toError } from '../core/errors.ts';
import { onSignal } from '../util/on-signal.ts';
import type { Service } from './service.ts';

/** Time after the shutdown deadline at which the process exits, whatever a client or hook is waiting for. */
const LAST_RESORT_MS = 1_700;

/**
 * Runs a service until SIGTERM, SIGINT or SIGHUP, or until it fails, and shuts it down. Exits immediately on a second
 * signal, and when a shutdown exceeds `deadlineMs` by 2 s.
 *
 * @returns the exit code: 0 after a clean end, 1 if the service failed or had to abandon messages.
 */
export async function runService(service: Service<unknown>, deadlineMs: number): Promise<0 | 1> {
  const signalled = new Promise<void>((resolve) => {
    onSignal(() => {
      setTimeout(() => process.exit(1), deadlineMs + LAST_RESORT_MS).unref();
      resolve();
    });
  });
  const failed = service.ended.then(
    () => undefined,
    (thrown: unknown) => toError(thrown),
  );
  service.start().then(
    () => service.telemetry.log.info({ url: service.url }, 'health and metrics'),
    () => {},
  );
  const problem = await Promise.race([signalled, failed]);
  const { abandoned } = await service.shutdown();
  if (problem !== undefined) console.error(problem.message);
  return problem === undefined && abandoned === 0 ? 0 : 1;
}
