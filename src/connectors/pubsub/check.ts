import type { Telemetry } from '../../telemetry/telemetry.ts';
import { checkUnlessDenied } from '../google/denied-check.ts';
import { asStartError } from '../google/errors.ts';
import type { PublisherCalls } from './service-client.ts';

/**
 * Checks at start that topics exist. Warns about topics that may not be read: publishing does not need that permission.
 *
 * @param topics pairs of the setting that names a topic, and the topic's short name.
 * @throws FatalError naming the setting, or RetryableError while Pub/Sub is unreachable.
 */
export async function checkTopics(
  client: PublisherCalls,
  projectId: string,
  topics: readonly (readonly [setting: string, topicId: string])[],
  telemetry: Telemetry,
): Promise<void> {
  for (const [setting, topicId] of topics) {
    const topic = `projects/${projectId}/topics/${topicId}`;
    await checkUnlessDenied(
      telemetry,
      { setting, resource: topic, permission: 'pubsub.topics.get', unchecked: 'that the topic exists' },
      () => client.getTopic({ topic }, { retry: null, timeout: 10_000 }),
      asStartError,
    );
  }
}
