import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { GoogleAuth } from 'google-auth-library';
import { noCredentials } from './credentials.ts';
import type { GoogleConfig } from './google-config.ts';

/** The domain of Google Cloud's public APIs, the only one that the generated clients support without an option. */
const UNIVERSE = 'googleapis.com';
const SCOPES = ['https://www.googleapis.com/auth/cloud-platform'];

/**
 * Creates credentials for TLS connections to an API, as the generated clients do: with the key of a service account,
 * each token is signed here, and no token server is involved.
 *
 * @param host the API's own host: `pubsub.googleapis.com`.
 * @throws FatalError without credentials.
 */
export async function grpcCredentials(google: GoogleConfig, host: string): Promise<ChannelCredentials> {
  const { keyFilename } = google;
  const auth = new GoogleAuth(keyFilename === undefined ? {} : { keyFilename });
  auth.useJWTAccessWithScope = true;
  auth.defaultServicePath = host;
  auth.defaultScopes = SCOPES;
  try {
    const universe = await auth.getUniverseDomain();
    if (universe !== UNIVERSE) throw new Error(`they are for the universe ${universe}, not ${UNIVERSE}`);
    const client = await auth.getClient();
    const call = credentials.createFromGoogleCredential({
      getRequestHeaders: async (url) => Object.fromEntries(await client.getRequestHeaders(url)),
    });
    return credentials.combineChannelCredentials(credentials.createSsl(), call);
  } catch (thrown) {
    throw noCredentials(google, thrown);
  }
}
