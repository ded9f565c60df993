import { v1 } from '@google-cloud/pubsub-api';
import { type Client, credentials } from '@grpc/grpc-js';
import { noCredentials } from '../google/credentials.ts';
import type { GoogleConfig } from '../google/google-config.ts';
import { channelOptions, grpcClientOf } from '../google/grpc-client.ts';

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

/** Concurrent calls that Google's front ends process on one connection; further calls queue. */
const CALLS_PER_CONNECTION = 100;
/** Ten connections carry a thousand calls, the maximum concurrency of a sink. */
const MOST_CONNECTIONS = 10;

interface Connection {
  readonly client: v1.PublisherClient;
  calls: number;
}

/** Spreads calls over connections. Opens another connection when all are busy, and keeps it until close. */
export class PublishConnections {
  readonly #connections: Connection[];
  readonly #create: () => v1.PublisherClient;

  /** @param create creates a client with its own connection. */
  constructor(first: v1.PublisherClient, create: () => v1.PublisherClient) {
    this.#connections = [{ client: first, calls: 0 }];
    this.#create = create;
  }

  get count(): number {
    return this.#connections.length;
  }

  async call<T>(make: (client: Client) => Promise<T>): Promise<T> {
    const connection = this.#free();
    connection.calls += 1;
    try {
      return await make(await grpcClientOf(connection.client));
    } finally {
      connection.calls -= 1;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map(({ client }) => client.close()));
  }

  #free(): Connection {
    const free = this.#connections.find(({ calls }) => calls < CALLS_PER_CONNECTION);
    if (free !== undefined) return free;
    if (this.#connections.length < MOST_CONNECTIONS) {
      const added = { client: this.#create(), calls: 0 };
      this.#connections.push(added);
      return added;
    }
    return this.#connections.reduce((least, each) => (each.calls < least.calls ? each : least));
  }
}
