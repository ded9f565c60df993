import { v1 } from '@google-cloud/pubsub-api';
import { credentials } from '@grpc/grpc-js';
import { noCredentials } from '../google/credentials.ts';
import type { GoogleConfig } from '../google/google-config.ts';
import { channelOptions } from '../google/grpc-channel.ts';
import { PublishConnections } from './publish-connections.ts';

/**
 * Bytes that the server may send ahead of the reader, as in Google's Java client. HTTP/2's default of 64 KiB is smaller
 * than one response, and limits a stream to that much per round trip.
 */
const PULL_WINDOW_BYTES = 1024 * 1024;

/** Pub/Sub's generated clients: plain calls, without the high-level client's queues and timers. */
export interface PubSubClients {
  readonly publisher: v1.PublisherClient;
  /** Connections for publish requests, opened on demand. */
  readonly publishConnections: PublishConnections;
  readonly subscriber: v1.SubscriberClient;
  close(): Promise<void>;
}

/**
 * Creates the clients. Honors `PUBSUB_EMULATOR_HOST` and `CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB` as the high-level
 * client does, but does not load that client: it takes 6 MB.
 *
 * @throws FatalError without credentials.
 */
export async function createPubSubClients(google: GoogleConfig): Promise<PubSubClients> {
  const shared = {
    projectId: google.projectId,
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
    ...endpoint(process.env.PUBSUB_EMULATOR_HOST || process.env.CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB),
    ...channelOptions(),
  };
  const publisher = new v1.PublisherClient(shared);
  const subscriber = new v1.SubscriberClient({ ...shared, 'grpc-node.flow_control_window': PULL_WINDOW_BYTES });
  try {
    // Without credentials, a call on an uninitialized client ends the process.
    await Promise.all([publisher.initialize(), subscriber.initialize()]);
  } catch (thrown) {
    throw noCredentials(google, thrown);
  }
  const publishConnections = new PublishConnections(
    publisher,
    // By default, channels to the same address share a connection.
    () => new v1.PublisherClient({ ...shared, 'grpc.use_local_subchannel_pool': 1 }),
  );
  return {
    publisher,
    publishConnections,
    subscriber,
    async close() {
      await Promise.all([publishConnections.close(), subscriber.close()]);
    },
  };
}

/** Options for an address other than Google's: `host`, `host:port` or a URL. Only Google's own addresses use TLS. */
function endpoint(address = '') {
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
