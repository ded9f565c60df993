import { GoogleAuth } from 'google-auth-library';
import { errorCode, FatalError, RetryableError, toError } from '../../core/errors.ts';
import { answerOf } from './bounded-call.ts';
import type { GoogleConfig } from './google-config.ts';

const EMULATORS = {
  pubsub: 'PUBSUB_EMULATOR_HOST',
  storage: 'STORAGE_EMULATOR_HOST',
  bigquery: 'BIGQUERY_EMULATOR_HOST',
  firestore: 'FIRESTORE_EMULATOR_HOST',
};

/** An API of Google Cloud, called with credentials unless its emulator is configured. */
export type GoogleApi = keyof typeof EMULATORS;

const SCOPES = 'https://www.googleapis.com/auth/cloud-platform';
const TIMEOUT_MS = 15_000;

/** Returns whether the environment configures an emulator for this API, which needs no credentials. */
export function isEmulated(api: GoogleApi): boolean {
  return (process.env[EMULATORS[api]] ?? '') !== '';
}

/**
 * Fetches an access token, unless every API is emulated. Without this check, each client reports unusable credentials
 * in its own way: as an outage or as an uncaught error.
 *
 * @throws FatalError listing the ways to provide credentials, or RetryableError while the token server is unreachable.
 */
export async function checkCredentials(google: GoogleConfig, apis: readonly GoogleApi[]): Promise<void> {
  if (apis.every(isEmulated)) return;
  const { keyFilename } = google;
  const auth = new GoogleAuth({ scopes: SCOPES, ...(keyFilename === undefined ? {} : { keyFilename }) });
  try {
    await answerOf('the token server', () => auth.getAccessToken(), TIMEOUT_MS);
  } catch (thrown) {
    throw passesWithTime(thrown)
      ? new RetryableError(`Google credentials: ${toError(thrown).message}`, { cause: thrown })
      : noCredentials(google, thrown);
  }
}

/** Returns the error of a service or command without usable credentials, with ways to fix it. */
export function noCredentials({ keyFilename }: GoogleConfig, thrown: unknown): FatalError {
  const what =
    keyFilename === undefined
      ? `Application Default Credentials cannot be used: ${reasonOf(thrown)}`
      : `google.keyFilename: ${keyFilename} cannot be used: ${reasonOf(thrown)}`;
  return new FatalError(
    `${what}. Set up Application Default Credentials (a service account of the machine, GOOGLE_APPLICATION_CREDENTIALS, ` +
      'or "gcloud auth application-default login"), or name the key file of a service account in google.keyFilename, ' +
      `or set the variables of your emulators (${Object.values(EMULATORS).join(', ')})`,
    { cause: thrown },
  );
}

function reasonOf(thrown: unknown): string {
  const { message } = toError(thrown);
  // JSON.parse quotes the file, including the key.
  if (/JSON/.test(message)) return 'it is not valid JSON';
  if (/^Could not load the default credentials/.test(message)) return 'none were found';
  if (/^ERR_OSSL/.test(String(errorCode(thrown)))) return `its private_key cannot be read (${message})`;
  return message.replace(/\.$/, '');
}

/** HTTP statuses of a token server that is busy or broken. */
const PASSING: ReadonlySet<number> = new Set([408, 429]);
const NETWORK_ERRORS: ReadonlySet<unknown> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
]);

function passesWithTime(thrown: unknown): boolean {
  const error = toError(thrown);
  if (error instanceof RetryableError || error.name === 'AbortError') return true;
  const status = 'status' in error ? Number(error.status) : Number.NaN;
  return NETWORK_ERRORS.has(errorCode(thrown)) || PASSING.has(status) || status >= 500;
}
