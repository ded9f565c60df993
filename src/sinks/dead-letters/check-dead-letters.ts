import type { Bucket } from '@google-cloud/storage';
import { asStartError } from '../../clients/grpc-errors.ts';
import { asHttpStartError } from '../../clients/http-errors.ts';
import type { PubSubClients } from '../../clients/pubsub.ts';
import { FatalError } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { checkTopics } from '../pubsub/check-topics.ts';
import type { DeadLettersConfig } from './config.ts';

const CALL = { retry: null, timeout: 10_000 };

/**
 * Checks at start that what `deadLetters` names exists: topic, bucket, subscription. Warns when nobody is subscribed to
 * the topic: a letter would vanish at once.
 *
 * @throws FatalError naming the setting, or RetryableError while Google Cloud cannot be reached.
 */
export async function checkDeadLetters(
  clients: PubSubClients,
  projectId: string,
  config: DeadLettersConfig,
  bucket: Bucket | undefined,
  telemetry: Telemetry,
): Promise<void> {
  const topic = `projects/${projectId}/topics/${config.topicId}`;
  await checkTopics(clients.publisher, projectId, [['deadLetters.topicId', config.topicId]]);
  if (bucket !== undefined) {
    await bucket.getMetadata().catch((thrown: unknown) => {
      throw asHttpStartError('deadLetters.bucket', bucket.name, thrown);
    });
  }
  if (config.subscriptionId !== undefined) {
    const subscription = `projects/${projectId}/subscriptions/${config.subscriptionId}`;
    const [found] = await clients.subscriber.getSubscription({ subscription }, CALL).catch((thrown: unknown) => {
      throw asStartError('deadLetters.subscriptionId', subscription, thrown);
    });
    if (found.topic === topic) return;
    throw new FatalError(
      `deadLetters.subscriptionId: ${subscription} receives from ${found.topic}, not from ${topic} (deadLetters.topicId)`,
    );
  }
  try {
    const [subscriptions] = await clients.publisher.listTopicSubscriptions({ topic }, CALL);
    if (subscriptions.length === 0) telemetry.event('dead_letter.unread', { topic });
  } catch {
    // Whoever may publish need not be allowed to list: then there is nothing to say.
  }
}
