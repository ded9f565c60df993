import { defer, firstValueFrom } from 'rxjs';
import { retryWithBackoff } from './retry-with-backoff.ts';

const RETRY = { initialDelayMs: 100, maxDelayMs: 2_000, giveUpAfterMs: 30_000 };

/**
 * Retries a call until it succeeds or has failed for 30 s. Retries only the failures that `asError` converts to
 * outages.
 */
export function retryFor<T>(call: () => Promise<T>, asError: (thrown: unknown) => Error): Promise<T> {
  const attempt = defer(() =>
    call().catch((thrown: unknown) => {
      throw asError(thrown);
    }),
  );
  return firstValueFrom(attempt.pipe(retryWithBackoff(RETRY)));
}
