import { randomBytes } from 'node:crypto';
import { type CreateSubscriptionOptions, PubSub, type Topic } from '@google-cloud/pubsub';
import * as v from 'valibot';
import { type PubSubSourceConfig, pubsubSourceSchema } from '../connectors/pubsub/config.ts';
import { createServiceClients, type SubscriberCalls } from '../connectors/pubsub/service-client.ts';
import { PubSubSource } from '../connectors/pubsub/source.ts';
import type { Delivery } from '../core/delivery.ts';
import type { Scope } from './scope.ts';
import { SourceHarness, type SourceHarnessOptions } from './source-harness.ts';

const PROJECT = 'sandbox';

export interface PubSubHarnessOptions {
  /** Properties of the subscription. */
  readonly subscription?: CreateSubscriptionOptions;
  /** Settings of the source, which may be outside the bounds of its schema: short waits make short tests. */
  readonly settings?: Partial<PubSubSourceConfig>;
  /** Settles deliveries on arrival. Default: they stay unsettled until the test settles them. */
  readonly onDelivery?: (delivery: Delivery) => void;
}

/** A Pub/Sub source with its production client, and with its own topic and subscription. */
export class PubSubHarness extends SourceHarness<PubSubSource> {
  readonly client: SubscriberCalls;
  /** Full name of the subscription. */
  readonly subscription: string;
  readonly #topic: Topic;

  constructor(
    scope: Scope,
    client: SubscriberCalls,
    topic: Topic,
    subscription: string,
    options: SourceHarnessOptions<PubSubSource>,
  ) {
    super(scope, options);
    this.client = client;
    this.subscription = subscription;
    this.#topic = topic;
  }

  async publish(...texts: string[]): Promise<void> {
    await Promise.all(texts.map((text) => this.#topic.publishMessage({ data: Buffer.from(text) })));
  }
}

/** Starts a source on the server in `PUBSUB_EMULATOR_HOST`, and ends it with `scope` in any state. */
export async function startPubSubSource(
  scope: Scope,
  { subscription: properties = {}, settings = {}, onDelivery }: PubSubHarnessOptions = {},
): Promise<PubSubHarness> {
  const name = `test-${randomBytes(4).toString('hex')}`;
  const pubsub = scope.use(new PubSub({ projectId: PROJECT }));
  const [topic] = await pubsub.createTopic(name);
  const [{ name: subscription }] = await topic.createSubscription(name, properties);
  const { subscriber: client } = scope.use(await createServiceClients({ projectId: PROJECT }));
  const defaults = v.parse(pubsubSourceSchema, { subscriptionId: name, ackDeadlineMs: 10_000 });
  const config = { ...defaults, ...settings };
  return new PubSubHarness(scope, client, topic, subscription, {
    onDelivery,
    create: ({ context, telemetry, readiness }) =>
      new PubSubSource({ client, projectId: PROJECT, config, context, telemetry, readiness, keepsOrder: false }),
  });
}
