import type { v1 } from '@google-cloud/pubsub';
import { asStartError } from '../../clients/grpc-errors.ts';

/**
 * Checks at start that topics exist.
 *
 * @param topics pairs of the setting that names a topic, and the topic's short name.
 * @throws FatalError naming the setting, or RetryableError while Pub/Sub cannot be reached.
 */
export async function checkTopics(
  client: v1.PublisherClient,
  projectId: string,
  topics: readonly (readonly [setting: string, topicId: string])[],
): Promise<void> {
  for (const [setting, topicId] of topics) {
    const topic = `projects/${projectId}/topics/${topicId}`;
    try {
      await client.getTopic({ topic }, { retry: null, timeout: 10_000 });
    } catch (thrown) {
      throw asStartError(setting, topic, thrown);
    }
  }
}
