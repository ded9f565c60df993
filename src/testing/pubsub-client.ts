import { PubSub, type protos, v1 } from '@google-cloud/pubsub';
import { credentials } from '@grpc/grpc-js';
import { eventually } from './eventually.ts';

export type Received = protos.google.pubsub.v1.IReceivedMessage;
type StreamRequest = protos.google.pubsub.v1.IStreamingPullRequest;
type StreamResponse = protos.google.pubsub.v1.IStreamingPullResponse;
type NewMessage = protos.google.pubsub.v1.IPubsubMessage;
type NewSubscription = protos.google.pubsub.v1.ISubscription;

const PROJECT = 'projects/contract';
let names = 0;

export const text = ({ message }: Received): string => Buffer.from(message?.data ?? '').toString();
export const texts = (received: readonly Received[]): string[] => received.map(text);
export const ackIds = (received: readonly Received[]): string[] => received.map(({ ackId }) => ackId ?? '');

/** The gRPC code that a call fails with; 0 if it does not. */
export async function codeOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 0;
  } catch (error) {
    return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : -1;
  }
}

/** One StreamingPull call of the low-level client, with the received messages. */
export class TestStream {
  readonly received: Received[] = [];
  readonly responses: StreamResponse[] = [];
  /** The gRPC code at its end. */
  code: number | undefined;
  readonly #call: ReturnType<v1.SubscriberClient['streamingPull']>;

  constructor(client: v1.SubscriberClient, first: StreamRequest) {
    this.#call = client.streamingPull();
    this.#call.on('data', (response: StreamResponse) => {
      this.responses.push(response);
      this.received.push(...(response.receivedMessages ?? []));
    });
    this.#call.on('error', (error: Error & { code?: number }) => {
      this.code = error.code ?? -1;
    });
    this.write({ streamAckDeadlineSeconds: 10, ...first });
  }

  write(request: StreamRequest): void {
    this.#call.write(request);
  }

  /** Resolves once `count` messages have arrived since the stream opened. */
  until(count: number): Promise<void> {
    return eventually(() => {
      if (this.received.length < count) throw new Error(`${this.received.length} of ${count} messages came in`);
    });
  }

  close(): void {
    this.#call.cancel();
  }
}

/** The official client, high and low level, with helpers for tests of a Pub/Sub server. */
export async function testClient(host: string) {
  process.env.PUBSUB_EMULATOR_HOST = host;
  const pubsub = new PubSub({ projectId: 'contract' });
  const [address, port] = host.split(':');
  const options = { servicePath: address ?? '', port: Number(port), sslCreds: credentials.createInsecure() };
  const publisher = new v1.PublisherClient({ ...options, projectId: 'contract' });
  const subscriber = new v1.SubscriberClient({ ...options, projectId: 'contract' });
  const streams: TestStream[] = [];
  const newName = (collection: 'topics' | 'subscriptions') => {
    names += 1;
    return `${PROJECT}/${collection}/name-${process.pid}-${names}`;
  };
  const client = {
    pubsub,
    publisher,
    subscriber,
    newName,
    async newTopic(): Promise<string> {
      const name = newName('topics');
      await publisher.createTopic({ name });
      return name;
    },
    async newSubscription(topic: string, settings: NewSubscription = {}): Promise<string> {
      const name = newName('subscriptions');
      await subscriber.createSubscription({ ...settings, name, topic });
      return name;
    },
    async newPair(settings: NewSubscription = {}): Promise<{ topic: string; subscription: string }> {
      const topic = await client.newTopic();
      return { topic, subscription: await client.newSubscription(topic, settings) };
    },
    /** Publishes one message per text in one request. */
    async publish(topic: string, bodies: readonly string[], more: NewMessage = {}): Promise<string[]> {
      const messages = bodies.map((body) => ({ ...more, data: Buffer.from(body) }));
      const [{ messageIds }] = await publisher.publish({ topic, messages });
      return messageIds ?? [];
    },
    /** Pulls until `count` messages have arrived. */
    async pull(subscription: string, count: number): Promise<Received[]> {
      const received: Received[] = [];
      return eventually(async () => {
        const [response] = await subscriber.pull({ subscription, maxMessages: count, returnImmediately: true });
        received.push(...(response.receivedMessages ?? []));
        if (received.length < count) throw new Error(`${received.length} of ${count} messages came in`);
        return received;
      });
    },
    async isEmpty(subscription: string): Promise<boolean> {
      const [response] = await subscriber.pull({ subscription, maxMessages: 1, returnImmediately: true });
      return response.receivedMessages?.length === 0;
    },
    ack: (subscription: string, received: readonly Received[]) =>
      subscriber.acknowledge({ subscription, ackIds: ackIds(received) }),
    modify: (subscription: string, received: readonly Received[], ackDeadlineSeconds: number) =>
      subscriber.modifyAckDeadline({ subscription, ackIds: ackIds(received), ackDeadlineSeconds }),
    stream(subscription: string, first: StreamRequest = {}): TestStream {
      const stream = new TestStream(subscriber, { subscription, ...first });
      streams.push(stream);
      return stream;
    },
    async close(): Promise<void> {
      for (const stream of streams) stream.close();
      await Promise.all([publisher.close(), subscriber.close(), pubsub.close()]);
    },
  };
  return client;
}

export type TestClient = Awaited<ReturnType<typeof testClient>>;
