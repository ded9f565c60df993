import type { PubSubClients } from '../connectors/pubsub/client.ts';
import { CALL, pubsubCall, pubsubCreate } from './cloud-call.ts';
import type { TopicResource } from './config.ts';
import type { Resource } from './resource.ts';

const SETTING = 'resources.topics';

/** A topic. Other owners' subscriptions keep it, because deleting it would cut them off. */
export function topicResource({ publisher }: PubSubClients, projectId: string, { topicId }: TopicResource): Resource {
  const name = `projects/${projectId}/topics/${topicId}`;
  return {
    kind: 'topic',
    name,
    look: async () => {
      const found = await pubsubCall(SETTING, name, () => publisher.getTopic({ topic: name }, CALL));
      return found && { labels: found[0].labels ?? {}, differences: [] };
    },
    create: (labels) => pubsubCreate(SETTING, name, () => publisher.createTopic({ name, labels: { ...labels } }, CALL)),
    users: async (doomed) => {
      const found = await pubsubCall(SETTING, name, () => publisher.listTopicSubscriptions({ topic: name }, CALL));
      const others = (found?.[0] ?? []).filter((subscription) => !doomed.has(subscription));
      return others.length === 0 ? undefined : `still read by ${others.join(', ')}`;
    },
    contents: async () => undefined,
    delete: async () => {
      await pubsubCall(SETTING, name, () => publisher.deleteTopic({ topic: name }, CALL));
    },
  };
}
