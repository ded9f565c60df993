import { Client } from '@grpc/grpc-js';
import type { GoogleConfig } from '../google/google-config.ts';
import { callFor, callUnary, channelOptions, type GrpcHolder, routedBy } from '../google/grpc-client.ts';
import { grpcCredentials } from '../google/grpc-credentials.ts';
import { endpoint, PULL_WINDOW_BYTES } from './endpoint.ts';
import { OWN_CONNECTION, type PublishConnections, withPublishConnections } from './publish-connections.ts';
import { decodeSubscription, decodeSubscriptionNames, encodeModifyAckDeadline, encodeName } from './wire/calls.ts';

const HOST = 'pubsub.googleapis.com';
const PUBLISHER = '/google.pubsub.v1.Publisher';
const SUBSCRIBER = '/google.pubsub.v1.Subscriber';

/** Options of a call: one attempt, and its longest duration in milliseconds. */
export interface CallOptions {
  readonly retry: null;
  readonly timeout: number;
}

/** The calls for topics that a service makes. The generated client has them too. */
export interface PublisherCalls extends GrpcHolder {
  getTopic(request: { topic: string }, options: CallOptions): Promise<unknown>;
  /** Resolves with the first page of names. */
  listTopicSubscriptions(request: { topic: string }, options: CallOptions): Promise<[string[], ...unknown[]]>;
}

/** The calls for subscriptions that a service makes. The generated client has them too. */
export interface SubscriberCalls extends GrpcHolder {
  /** Returns the full name: `projects/p/subscriptions/s`. */
  subscriptionPath(projectId: string, subscriptionId: string): string;
  getSubscription(request: { subscription: string }, options: CallOptions): Promise<[FoundSubscription, ...unknown[]]>;
  modifyAckDeadline(
    request: { subscription: string; ackIds: string[]; ackDeadlineSeconds: number },
    options: CallOptions,
  ): Promise<unknown>;
}

export interface FoundSubscription {
  /** Full name. */
  readonly topic?: string | null;
  /** Set if the subscription delays redeliveries. */
  readonly retryPolicy?: unknown;
}

/** The clients that a service needs. `PubSubClients`, the generated clients, can take their place. */
export interface ServiceClients {
  readonly publisher: PublisherCalls;
  /** Connections for publish requests, opened on demand. */
  readonly publishConnections: PublishConnections;
  readonly subscriber: SubscriberCalls;
  close(): Promise<void>;
}

/**
 * Creates the clients of a service on gRPC alone, at the address that `createPubSubClients` uses. The generated clients
 * read the descriptors of all of Pub/Sub: they take 13 MB of heap, which V8 lets double before it collects.
 *
 * With `GOOGLE_API_USE_CLIENT_CERTIFICATE`, creates generated clients: they find the certificate.
 *
 * @throws FatalError without credentials.
 */
export async function createServiceClients(google: GoogleConfig): Promise<ServiceClients> {
  if (process.env.GOOGLE_API_USE_CLIENT_CERTIFICATE === 'true') {
    const { createPubSubClients } = await import('./client.ts');
    return createPubSubClients(google);
  }
  const { servicePath = HOST, port = 443, sslCreds } = endpoint();
  const channelCredentials = sslCreds ?? (await grpcCredentials(google, HOST));
  const { 'grpc.channelFactoryOverride': channelFactoryOverride, ...channel } = channelOptions();
  const open = (options: Readonly<Record<string, number>> = {}) =>
    new Client(`${servicePath}:${port}`, channelCredentials, {
      ...channel,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': 1_000,
      ...options,
      channelFactoryOverride,
    });
  const publisher = new Publisher(open());
  const subscriber = new Subscriber(open({ 'grpc-node.flow_control_window': PULL_WINDOW_BYTES }));
  return withPublishConnections({ publisher, subscriber }, () => new Holder(open(OWN_CONNECTION)));
}

class Holder implements GrpcHolder {
  protected readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  async initialize(): Promise<Client> {
    return this.client;
  }

  async close(): Promise<void> {
    this.client.close();
  }
}

class Publisher extends Holder implements PublisherCalls {
  async getTopic({ topic }: { topic: string }, { timeout: timeoutMs }: CallOptions): Promise<void> {
    const metadata = routedBy('topic', topic);
    await callUnary(this.client, `${PUBLISHER}/GetTopic`, encodeName(topic), { metadata, timeoutMs });
  }

  async listTopicSubscriptions({ topic }: { topic: string }, { timeout: timeoutMs }: CallOptions): Promise<[string[]]> {
    const bounds = { metadata: routedBy('topic', topic), timeoutMs };
    const method = `${PUBLISHER}/ListTopicSubscriptions`;
    return [await callFor(this.client, method, encodeName(topic), decodeSubscriptionNames, bounds)];
  }
}

class Subscriber extends Holder implements SubscriberCalls {
  subscriptionPath(projectId: string, subscriptionId: string): string {
    return `projects/${projectId}/subscriptions/${subscriptionId}`;
  }

  async getSubscription(
    { subscription }: { subscription: string },
    { timeout: timeoutMs }: CallOptions,
  ): Promise<[FoundSubscription]> {
    const bounds = { metadata: routedBy('subscription', subscription), timeoutMs };
    const method = `${SUBSCRIBER}/GetSubscription`;
    return [await callFor(this.client, method, encodeName(subscription), decodeSubscription, bounds)];
  }

  async modifyAckDeadline(
    request: { subscription: string; ackIds: string[]; ackDeadlineSeconds: number },
    { timeout: timeoutMs }: CallOptions,
  ): Promise<void> {
    const bounds = { metadata: routedBy('subscription', request.subscription), timeoutMs };
    await callUnary(this.client, `${SUBSCRIBER}/ModifyAckDeadline`, encodeModifyAckDeadline(request), bounds);
  }
}
