import { randomBytes } from 'node:crypto';
import { type CreateSubscriptionOptions, PubSub, type v1 } from '@google-cloud/pubsub';
import { ReplaySubject } from 'rxjs';
import { parse } from 'valibot';
import { createPubSubClients } from '../clients/pubsub.ts';
import type { Delivery, Desk } from '../core/delivery.ts';
import { Readiness } from '../core/readiness.ts';
import { pubsubSourceSchema } from '../sources/pubsub/config.ts';
import { PubSubSource } from '../sources/pubsub/pubsub-source.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { testDesk } from './test-desk.ts';

/** A Pub/Sub source over real sockets, with a topic and a subscription of its own. */
export interface PubSubRig {
  readonly topic: string;
  readonly subscription: string;
  readonly source: PubSubSource;
  readonly client: v1.SubscriberClient;
  readonly desk: Desk;
  readonly telemetry: Telemetry;
  /** Everything that was delivered, in order. */
  readonly deliveries: readonly Delivery[];
  /** Texts of what was delivered. */
  readonly texts: readonly string[];
  publish(...texts: string[]): Promise<void>;
  /** Stops the source, and resolves once it has disconnected. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a source on whatever `PUBSUB_EMULATOR_HOST` names; `onDelivery` is where the test settles. */
export async function openPubSubRig(
  options: CreateSubscriptionOptions,
  config: Readonly<Record<string, unknown>>,
  onDelivery: (delivery: Delivery) => void,
): Promise<PubSubRig> {
  const projectId = 'sandbox';
  const name = `rig-${randomBytes(4).toString('hex')}`;
  const pubsub = new PubSub({ projectId });
  const [topic] = await pubsub.createTopic(name);
  await topic.createSubscription(name, options);
  const clients = await createPubSubClients({ projectId });
  const desk = testDesk();
  const telemetry = new Telemetry('rig', { level: 'silent', processMetrics: false });
  const source = new PubSubSource({
    client: clients.subscriber,
    projectId,
    config: parse(pubsubSourceSchema, { subscriptionId: name, ackDeadlineMs: 10_000, ...config }),
    desk,
    telemetry,
    readiness: new Readiness(),
    keepsOrder: false,
  });
  const stop = new ReplaySubject<void>(1);
  const deliveries: Delivery[] = [];
  source.deliveries(stop).subscribe((delivery) => {
    deliveries.push(delivery);
    onDelivery(delivery);
  });
  return {
    topic: topic.name,
    subscription: `projects/${projectId}/subscriptions/${name}`,
    source,
    client: clients.subscriber,
    desk,
    telemetry,
    deliveries,
    get texts() {
      return deliveries.map(({ message }) => Buffer.from(message.payload).toString('utf8'));
    },
    publish: async (...texts) => {
      await Promise.all(texts.map((text) => topic.publishMessage({ data: Buffer.from(text) })));
    },
    stop: () => {
      stop.next();
      return source.disconnected;
    },
    close: async () => {
      stop.next();
      source.abort();
      await source.disconnected;
      await clients.close();
      await pubsub.close();
    },
  };
}
