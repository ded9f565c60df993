/** Settings that the Google clients share: project and credentials. */

export { checkCredentials, type GoogleApi } from './credentials.ts';
export { type GoogleConfig, googleSchema } from './google-config.ts';
