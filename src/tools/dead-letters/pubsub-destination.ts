import { asCallError, asStartError } from '../../connectors/google/errors.ts';
import type { PubSubClients } from '../../connectors/pubsub/client.ts';
import { checkLimits } from '../../connectors/pubsub/limits.ts';
import { FatalError } from '../../core/errors.ts';
import { retryFor } from '../../operators/retry.ts';
import type { Destination } from '../replay/destination.ts';

const CHECK = { retry: null, timeout: 10_000 };
const PUBLISH = { retry: null, timeout: 30_000 };

/** Returns the full name of a subscription's topic. */
export async function topicOf({ subscriber }: PubSubClients, subscription: string): Promise<string> {
  const [{ topic }] = await subscriber.getSubscription({ subscription }, CHECK).catch((thrown) => {
    throw asStartError('source.subscriptionId', subscription, thrown);
  });
  if (topic && topic !== '_deleted-topic_') return topic;
  throw new FatalError(`source.subscriptionId: the topic of ${subscription} was deleted; --to names another`);
}

/**
 * Publishes originals to a topic, with their attributes and ordering key.
 *
 * @param topic full name.
 * @param source full name of the subscription that should get them; undefined if there is none.
 */
export async function pubsubDestination(
  clients: PubSubClients,
  topic: string,
  source: string | undefined,
): Promise<Destination> {
  await clients.publisher.getTopic({ topic }, CHECK).catch((thrown) => {
    throw asStartError(source === undefined ? '--to' : 'source.subscriptionId', topic, thrown);
  });
  return {
    description: `${topic}; ${await othersOf(clients, topic, source)}`,
    async send({ data, attributes, orderingKey }) {
      const message = { data, attributes, orderingKey };
      checkLimits(message);
      await retryFor(() => clients.publisher.publish({ topic, messages: [message] }, PUBLISH), asCallError);
    },
    close: async () => {},
  };
}

async function othersOf({ publisher }: PubSubClients, topic: string, source: string | undefined): Promise<string> {
  try {
    const [names] = await publisher.listTopicSubscriptions({ topic }, CHECK);
    const others = names.filter((name) => name !== source);
    if (others.length === 0) return source === undefined ? 'it has no subscription' : 'no other subscription gets them';
    return `${others.length === 1 ? 'this subscription gets' : 'these subscriptions get'} them too: ${others.join(', ')}`;
  } catch {
    return 'every other subscription of this topic gets them too';
  }
}
