import { answerOf } from '../connectors/google/bounded-call.ts';
import { asHttpStartError, asStartError } from '../connectors/google/errors.ts';
import { errorCode } from '../core/errors.ts';
import { retryFor } from '../operators/retry.ts';

const GRPC = { NOT_FOUND: 5, ALREADY_EXISTS: 6 };
const HTTP = { NOT_FOUND: 404, CONFLICT: 409 };

/** Options for calls of Pub/Sub: only our own retries. */
export const CALL = { retry: null, timeout: 10_000 };

/** Calls Pub/Sub on behalf of a setting. Resolves with undefined if nothing has that name. */
export function pubsubCall<T>(setting: string, name: string, call: () => Promise<T>): Promise<T | undefined> {
  return retryFor(
    () => call().catch(unless(GRPC.NOT_FOUND)),
    (thrown) => asStartError(setting, name, thrown),
  );
}

/** Calls Storage or BigQuery on behalf of a setting. Resolves with undefined if nothing has that name. */
export function httpCall<T>(
  setting: string,
  name: string,
  call: () => Promise<T>,
  timeoutMs?: number,
): Promise<T | undefined> {
  return retryFor(
    () => answerOf(name, call, timeoutMs).catch(unless(HTTP.NOT_FOUND)),
    (thrown) => asHttpStartError(setting, name, thrown),
  );
}

/** Creates a resource in Pub/Sub. Succeeds if it already exists. */
export async function pubsubCreate(setting: string, name: string, create: () => Promise<unknown>): Promise<void> {
  await retryFor(
    () => create().catch(unless(GRPC.ALREADY_EXISTS)),
    (thrown) => asStartError(setting, name, thrown),
  );
}

/** Creates a resource in Storage or BigQuery on behalf of a setting. */
export async function httpCreate(setting: string, name: string, create: () => Promise<unknown>): Promise<void> {
  await retryFor(create, (thrown) => asHttpStartError(setting, name, thrown));
}

/**
 * Creates a resource in Storage or BigQuery with one call. Succeeds if it already exists. Rejects with the client's own
 * error.
 */
export async function createOnce(call: string, create: () => Promise<unknown>): Promise<'created' | 'exists'> {
  try {
    await answerOf(call, create);
    return 'created';
  } catch (thrown) {
    if (Number(errorCode(thrown)) === HTTP.CONFLICT) return 'exists';
    throw thrown;
  }
}

function unless(code: number): (thrown: unknown) => undefined {
  return (thrown) => {
    if (Number(errorCode(thrown)) === code) return undefined;
    throw thrown;
  };
}
