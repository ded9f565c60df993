import type { Bucket } from '@google-cloud/storage';
import { answerOf } from '../connectors/google/bounded-call.ts';
import { checkUnlessDenied } from '../connectors/google/denied-check.ts';
import { asHttpStartError, asStartError } from '../connectors/google/errors.ts';
import { checkTopics } from '../connectors/pubsub/check.ts';
import type { ServiceClients } from '../connectors/pubsub/service-client.ts';
import { FatalError } from '../core/errors.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { DeadLettersConfig } from './config.ts';

const CALL = { retry: null, timeout: 10_000 };

/**
 * Checks at start that the topic, bucket and subscription of `deadLetters` exist. Warns if the topic has no
 * subscription, since dead letters would be lost immediately. Also warns about resources that may not be read: writing
 * dead letters does not need that permission.
 *
 * @throws FatalError naming the setting, or RetryableError while Google Cloud is unreachable.
 */
export async function checkDeadLetters(
  clients: ServiceClients,
  projectId: string,
  config: DeadLettersConfig,
  bucket: Bucket | undefined,
  telemetry: Telemetry,
): Promise<void> {
  const topic = `projects/${projectId}/topics/${config.topicId}`;
  await checkTopics(clients.publisher, projectId, [['deadLetters.topicId', config.topicId]], telemetry);
  if (bucket !== undefined) {
    await checkUnlessDenied(
      telemetry,
      {
        setting: 'deadLetters.bucket',
        resource: bucket.name,
        permission: 'storage.buckets.get',
        unchecked: 'that the bucket exists',
      },
      () => answerOf('buckets.get', () => bucket.getMetadata()),
      asHttpStartError,
    );
  }
  if (config.subscriptionId !== undefined) {
    const subscription = `projects/${projectId}/subscriptions/${config.subscriptionId}`;
    const reply = await checkUnlessDenied(
      telemetry,
      {
        setting: 'deadLetters.subscriptionId',
        resource: subscription,
        permission: 'pubsub.subscriptions.get',
        unchecked: 'that the subscription exists, and receives from deadLetters.topicId',
      },
      () => clients.subscriber.getSubscription({ subscription }, CALL),
      asStartError,
    );
    if (reply === undefined || reply[0].topic === topic) return;
    throw new FatalError(
      `deadLetters.subscriptionId: ${subscription} receives from ${reply[0].topic}, not from ${topic} (deadLetters.topicId)`,
    );
  }
  try {
    const [subscriptions] = await clients.publisher.listTopicSubscriptions({ topic }, CALL);
    if (subscriptions.length === 0) telemetry.event('dead_letter.unread', { topic });
  } catch {
    // A publisher may lack the permission to list; `checkTopics` has already warned about it.
  }
}
