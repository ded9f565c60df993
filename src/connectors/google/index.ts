/** What the Google clients share: the project, and credentials. */

export { checkCredentials, type GoogleApi } from './credentials.ts';
export { type GoogleConfig, googleSchema } from './google-config.ts';
