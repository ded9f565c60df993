import type { protos } from '@google-cloud/pubsub';
import type { PubSubClients } from '../connectors/pubsub/client.ts';
import { CALL, pubsubCall, pubsubCreate } from './cloud-call.ts';
import type { SubscriptionResource } from './config.ts';
import { differencesOf, type Resource } from './resource.ts';

type ApiSubscription = protos.google.pubsub.v1.ISubscription;

const SETTING = 'resources.subscriptions';
const DAY_SECONDS = 86_400;

/** A subscription. It never expires: a pipeline paused for a month finds its backlog, as far as it is retained. */
export function subscriptionResource(
  { subscriber }: PubSubClients,
  projectId: string,
  config: SubscriptionResource,
): Resource {
  const name = `projects/${projectId}/subscriptions/${config.subscriptionId}`;
  const declared = settingsOf(projectId, config);
  return {
    kind: 'subscription',
    name,
    look: async () => {
      const found = await pubsubCall(SETTING, name, () => subscriber.getSubscription({ subscription: name }, CALL));
      if (found === undefined) return undefined;
      return { labels: found[0].labels ?? {}, differences: differences(declared, found[0]) };
    },
    create: (labels) =>
      pubsubCreate(SETTING, name, () =>
        subscriber.createSubscription({ ...declared, name, labels: { ...labels } }, CALL),
      ),
    users: async () => undefined,
    contents: async () => ((await hasBacklog(subscriber, name)) ? 'messages' : undefined),
    delete: async () => {
      await pubsubCall(SETTING, name, () => subscriber.deleteSubscription({ subscription: name }, CALL));
    },
  };
}

function settingsOf(projectId: string, config: SubscriptionResource): ApiSubscription {
  const { retryPolicy, deadLetterPolicy } = config;
  return {
    topic: `projects/${projectId}/topics/${config.topicId}`,
    enableMessageOrdering: config.ordering,
    enableExactlyOnceDelivery: config.exactlyOnce,
    ackDeadlineSeconds: config.ackDeadlineSeconds,
    messageRetentionDuration: { seconds: config.retentionDays * DAY_SECONDS },
    // No time to live means never.
    expirationPolicy: {},
    ...(retryPolicy === undefined
      ? {}
      : {
          retryPolicy: {
            minimumBackoff: duration(retryPolicy.minimumBackoffMs),
            maximumBackoff: duration(retryPolicy.maximumBackoffMs),
          },
        }),
    ...(deadLetterPolicy === undefined
      ? {}
      : {
          deadLetterPolicy: {
            deadLetterTopic: `projects/${projectId}/topics/${deadLetterPolicy.topicId}`,
            maxDeliveryAttempts: deadLetterPolicy.maxDeliveryAttempts,
          },
        }),
  };
}

function duration(milliseconds: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(milliseconds / 1_000), nanos: (milliseconds % 1_000) * 1_000_000 };
}

function differences(declared: ApiSubscription, found: ApiSubscription): string[] {
  const seconds = (time?: protos.google.protobuf.IDuration | null) =>
    time ? Number(time.seconds ?? 0) + (time.nanos ?? 0) / 1e9 : undefined;
  const row = (setting: string, read: (one: ApiSubscription) => unknown) =>
    [setting, read(declared), read(found)] as const;
  return differencesOf([
    row('topicId', (one) => one.topic),
    row('ordering', (one) => one.enableMessageOrdering ?? false),
    row('exactlyOnce', (one) => one.enableExactlyOnceDelivery ?? false),
    row('ackDeadlineSeconds', (one) => one.ackDeadlineSeconds),
    row('retention in seconds', (one) => seconds(one.messageRetentionDuration)),
    row('retryPolicy in seconds', (one) =>
      one.retryPolicy ? [seconds(one.retryPolicy.minimumBackoff), seconds(one.retryPolicy.maximumBackoff)] : undefined,
    ),
    row('deadLetterPolicy', (one) =>
      one.deadLetterPolicy
        ? [one.deadLetterPolicy.deadLetterTopic, one.deadLetterPolicy.maxDeliveryAttempts]
        : undefined,
    ),
  ]);
}

/** Pulls a message and returns it, which counts as a delivery. Pub/Sub may return nothing despite a backlog. */
async function hasBacklog(subscriber: PubSubClients['subscriber'], name: string): Promise<boolean> {
  const found = await pubsubCall(SETTING, name, () =>
    subscriber.pull({ subscription: name, maxMessages: 1, returnImmediately: true }, CALL),
  );
  const ackIds = (found?.[0].receivedMessages ?? []).flatMap(({ ackId }) => ackId ?? []);
  if (ackIds.length === 0) return false;
  await pubsubCall(SETTING, name, () =>
    subscriber.modifyAckDeadline({ subscription: name, ackIds, ackDeadlineSeconds: 0 }, CALL),
  );
  return true;
}
