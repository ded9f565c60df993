import { v1 } from '@google-cloud/pubsub-api';
import { noCredentials } from '../google/credentials.ts';
import type { GoogleConfig } from '../google/google-config.ts';
import { channelOptions } from '../google/grpc-client.ts';
import { endpoint, PULL_WINDOW_BYTES } from './endpoint.ts';
import { OWN_CONNECTION, type PublishConnections, withPublishConnections } from './publish-connections.ts';

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
    ...endpoint(),
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
  return withPublishConnections(
    { publisher, subscriber },
    () => new v1.PublisherClient({ ...shared, ...OWN_CONNECTION }),
  );
}
