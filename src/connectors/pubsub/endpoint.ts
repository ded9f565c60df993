import { type ChannelCredentials, credentials } from '@grpc/grpc-js';

/**
 * Bytes that the server may send ahead of the reader, as in Google's Java client. HTTP/2's default of 64 KiB is smaller
 * than one response, and limits a stream to that much per round trip.
 */
export const PULL_WINDOW_BYTES = 1024 * 1024;

interface Endpoint {
  readonly servicePath?: string;
  readonly port?: number;
  readonly sslCreds?: ChannelCredentials;
}

/**
 * Returns the address in `PUBSUB_EMULATOR_HOST` or `CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB`, as options of a generated
 * client: `host`, `host:port` or a URL. Only Google's own addresses use TLS.
 */
export function endpoint(): Endpoint {
  const address = process.env.PUBSUB_EMULATOR_HOST || process.env.CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB || '';
  if (address === '') return {};
  const [host = '', port] = address
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .split(':');
  const portOfScheme = address.startsWith('https') ? 443 : address.startsWith('http') ? 80 : undefined;
  const numberOfPort = port === undefined ? portOfScheme : Number(port);
  return {
    servicePath: host,
    ...(numberOfPort === undefined ? {} : { port: numberOfPort }),
    ...(host.endsWith('.googleapis.com') ? {} : { sslCreds: credentials.createInsecure() }),
  };
}
