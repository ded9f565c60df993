import type { protos } from '@google-cloud/pubsub';
import { IamProtos } from 'google-gax';
import type { PubSubClients } from '../../connectors/pubsub/client.ts';
import type { Check, Report } from './finding.ts';
import { checkPermissions, lookedAt, type NeededPermission, ONE_TRY } from './google-calls.ts';

type ApiSubscription = protos.google.pubsub.v1.ISubscription;

const DAY_SECONDS = 86_400;
const DELETED_TOPIC = '_deleted-topic_';

/** A topic, and what uses it. */
export interface ExaminedTopic {
  readonly topicId: string;
  /** The setting that names it. */
  readonly setting: string;
  /** The command that creates it. */
  readonly remedy: string;
  /** True if the topic's messages exist nowhere else, so that they are lost without a subscription. */
  readonly needsReader: boolean;
}

/** Checks a topic that a service publishes to. */
export function topicCheck(clients: PubSubClients, projectId: string, examined: ExaminedTopic): Check {
  const { topicId, setting, remedy, needsReader } = examined;
  const topic = `projects/${projectId}/topics/${topicId}`;
  return {
    part: `topic ${topicId}`,
    run: async (report) => {
      let isMissing = false;
      const found = await lookedAt(
        report,
        {
          permission: 'pubsub.topics.get',
          role: 'roles/pubsub.viewer',
          unchecked: 'whether it exists, and who reads it',
          onMissing: () => {
            isMissing = true;
            report('error', `${topic} does not exist (${setting})`, remedy);
          },
        },
        async () => (await clients.publisher.getTopic({ topic }, ONE_TRY))[0],
      );
      if (isMissing) return;
      if (found !== undefined) {
        report('ok', `exists (${setting})`);
        await checkReaders(report, clients, topic, needsReader);
      }
      const publish = {
        permission: 'pubsub.topics.publish',
        role: 'roles/pubsub.publisher',
        purpose: 'nothing can be published',
      };
      await checkHeld(report, clients, topic, [publish]);
    },
  };
}

async function checkReaders(report: Report, { publisher }: PubSubClients, topic: string, needsReader: boolean) {
  const look = {
    permission: 'pubsub.topics.get',
    role: 'roles/pubsub.viewer',
    unchecked: 'whether a subscription receives from it',
    onMissing: () => {},
  };
  const readers = await lookedAt(report, look, async () => {
    const [found] = await publisher.listTopicSubscriptions({ topic }, ONE_TRY);
    return found;
  });
  if (readers === undefined || readers.length > 0) return;
  const what = 'no subscription receives from it: published messages are lost';
  const id = topic.split('/').at(-1);
  report(needsReader ? 'error' : 'warning', what, `gcloud pubsub subscriptions create ${id} --topic=${id}`);
}

async function checkHeld(
  report: Report,
  { publisher, subscriber }: PubSubClients,
  resource: string,
  needed: readonly NeededPermission[],
): Promise<void> {
  const client = resource.includes('/topics/') ? publisher : subscriber;
  await checkPermissions(report, needed, async (permissions) => {
    const request = IamProtos.google.iam.v1.TestIamPermissionsRequest.create({
      resource,
      permissions: [...permissions],
    });
    const [answer] = await client.testIamPermissions(request, { timeout: ONE_TRY.timeout });
    return answer.permissions ?? [];
  });
}

/** A subscription, and what a service expects from it. */
export interface ExaminedSubscription {
  readonly subscriptionId: string;
  readonly setting: string;
  readonly remedy: string;
  /** The topic that it must receive from, where the configuration names one. */
  readonly topicId?: string | undefined;
  /** The order that its consumer keeps; undefined if only commands read it. */
  readonly order?: 'kept' | 'none';
  /** Attempts for a message that fails because of the message itself. */
  readonly maxAttempts: number;
}

/** Checks a subscription that a service or a command consumes. */
export function subscriptionCheck(clients: PubSubClients, projectId: string, examined: ExaminedSubscription): Check {
  const { subscriptionId, setting, remedy } = examined;
  const subscription = `projects/${projectId}/subscriptions/${subscriptionId}`;
  return {
    part: `subscription ${subscriptionId}`,
    run: async (report) => {
      let isMissing = false;
      const found = await lookedAt(
        report,
        {
          permission: 'pubsub.subscriptions.get',
          role: 'roles/pubsub.viewer',
          unchecked: 'whether it exists, and its settings',
          onMissing: () => {
            isMissing = true;
            report('error', `${subscription} does not exist (${setting})`, remedy);
          },
        },
        async () => (await clients.subscriber.getSubscription({ subscription }, ONE_TRY))[0],
      );
      if (isMissing) return;
      if (found !== undefined) {
        report('ok', `exists (${setting}), and receives from ${found.topic}`);
        reportSettings(report, projectId, found, examined);
      }
      await checkHeld(report, clients, subscription, [
        {
          permission: 'pubsub.subscriptions.consume',
          role: 'roles/pubsub.subscriber',
          purpose: 'nothing can be received or acknowledged',
        },
      ]);
    },
  };
}

function reportSettings(
  report: Report,
  projectId: string,
  found: ApiSubscription,
  { subscriptionId, setting, topicId, order, maxAttempts }: ExaminedSubscription,
): void {
  const update = (option: string) => `gcloud pubsub subscriptions update ${subscriptionId} ${option}`;
  const topic = topicId === undefined ? undefined : `projects/${projectId}/topics/${topicId}`;
  if (found.topic === DELETED_TOPIC)
    report('error', 'its topic was deleted: it receives no more messages', 'recreate it');
  else if (topic !== undefined && found.topic !== topic) {
    report('error', `receives from ${found.topic}, and not from ${topic}`, `name another subscription in ${setting}`);
  }
  if (found.detached === true) report('error', 'is detached: it receives no more messages', 'recreate it');
  const { pushConfig, bigqueryConfig, cloudStorageConfig } = found;
  if (pushConfig?.pushEndpoint || bigqueryConfig?.table || cloudStorageConfig?.bucket) {
    report('error', 'delivers by push or export: nothing can be pulled from it', update('--push-endpoint='));
  }
  if (found.filter) report('note', `has a filter: ${found.filter}. Other messages are never delivered`);
  if (order === 'kept' && found.enableMessageOrdering !== true) {
    const remedy = 'recreate it with ordering: it cannot be turned on later';
    report('warning', 'message ordering is off: messages with the same ordering key may arrive out of order', remedy);
  }
  if (order === 'none' && found.enableMessageOrdering === true) {
    report(
      'note',
      'message ordering is on, but rows and objects have no order, and each message waits for earlier ones with its key',
    );
  }
  if (found.enableExactlyOnceDelivery === true)
    report('note', 'exactly-once delivery is on: receipts are confirmed first');
  report('ok', `ack deadline ${found.ackDeadlineSeconds} s; the service extends its leases itself`);
  const retention = secondsOf(found.messageRetentionDuration);
  if (retention !== undefined && retention < DAY_SECONDS) {
    const what = `keeps messages for ${retention / 3_600} h: a longer outage loses them`;
    report('warning', what, update('--message-retention-duration=7d'));
  }
  const life = secondsOf(found.expirationPolicy?.ttl);
  if (life !== undefined && life > 0) {
    const what = `expires after ${life / DAY_SECONDS} days without a subscriber, together with its waiting messages`;
    report('warning', what, update('--expiration-period=never'));
  }
  reportAttempts(report, found, maxAttempts, update);
}

function reportAttempts(
  report: Report,
  { deadLetterPolicy, retryPolicy }: ApiSubscription,
  maxAttempts: number,
  update: (option: string) => string,
): void {
  if (deadLetterPolicy?.deadLetterTopic) {
    const { deadLetterTopic, maxDeliveryAttempts } = deadLetterPolicy;
    const what = `has a dead-letter policy: after ${maxDeliveryAttempts} deliveries Pub/Sub sends a message to ${deadLetterTopic}`;
    if (Number(maxDeliveryAttempts) <= maxAttempts && maxAttempts > 1) {
      report(
        'warning',
        `${what}, before deadLetters.maxAttempts (${maxAttempts}) does`,
        'lower deadLetters.maxAttempts',
      );
    } else report('note', `${what}; outages count there (npm run cli -- dead-letters list --policy)`);
  }
  if (maxAttempts > 1 && !retryPolicy) {
    const what = `has no retry policy, and deadLetters.maxAttempts is ${maxAttempts}: attempts follow each other immediately`;
    report('warning', what, update('--min-retry-delay=10s --max-retry-delay=600s'));
  }
}

function secondsOf(duration: protos.google.protobuf.IDuration | null | undefined): number | undefined {
  return duration ? Number(duration.seconds ?? 0) : undefined;
}
