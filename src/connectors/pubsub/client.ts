import { v1 } from '@google-cloud/pubsub-api';
import { credentials } from '@grpc/grpc-js';
import { noCredentials } from '../google/credentials.ts';
import type { GoogleConfig } from '../google/google-config.ts';
import { channelOptions } from '../google/grpc-channel.ts';
import { PublishConnections } from './publish-connections.ts';

/**
 * Bytes that a pull may send ahead of its reader. HTTP/2's 64 KiB are less than one response, and a stream moves at most
 * that in a round trip. As much as Google's Java client grants.
 */
const PULL_WINDOW_BYTES = 1024 * 1024;

/** The generated clients of Pub/Sub: the calls as they are, without the high-level client's queues and timers. */
export interface PubSubClients {
  readonly publisher: v1.PublisherClient;
  /** For the calls that carry messages: as many connections as they need. */
  readonly publishConnections: PublishConnections;
  readonly subscriber: v1.SubscriberClient;
  close(): Promise<void>;
}

/**
 * Builds the clients. `PUBSUB_EMULATOR_HOST` and `CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB` are honored as by the high-level
 * client, which is not loaded: it would take 6 MB.
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
    // A call of a client that is not initialized ends the process where there are no credentials.
    await Promise.all([publisher.initialize(), subscriber.initialize()]);
  } catch (thrown) {
    throw noCredentials(google, thrown);
  }
  const publishConnections = new PublishConnections(
    publisher,
    // Else channels to one address share a connection.
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

/** Options for another address than Google's: `host`, `host:port`, or the URL of one. Only Google's own are called by TLS. */
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
