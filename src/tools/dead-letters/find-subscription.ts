import { asStartError } from '../../connectors/google/errors.ts';
import type { PubSubClients } from '../../connectors/pubsub/client.ts';
import { FatalError } from '../../core/errors.ts';
import type { ServiceConfig } from '../../services/services.ts';
import { sourceOf } from './dead-letter-filter.ts';

const CALL = { retry: null, timeout: 10_000 };

/** Selects another subscription than the pipeline's own. */
export interface SubscriptionChoice {
  /** Short or full name. */
  readonly subscription?: string;
  /** Selects the subscription of the topic in the source subscription's own dead-letter policy. */
  readonly policy?: boolean;
}

/** The dead-letter subscription that a command reads. */
export interface FoundSubscription {
  /** Full name. */
  readonly name: string;
  /** Full name of its topic. */
  readonly topic: string;
  /** True if it has its own dead-letter policy: each read counts as a delivery. */
  readonly hasPolicy: boolean;
}

/**
 * Finds the dead-letter subscription of a pipeline: the requested one, else `deadLetters.subscriptionId`, else the only
 * one of the dead-letter topic.
 *
 * @throws FatalError naming the missing or wrong setting or option.
 */
export async function findSubscription(
  clients: PubSubClients,
  config: ServiceConfig,
  { subscription, policy = false }: SubscriptionChoice,
): Promise<FoundSubscription> {
  const { deadLetters, google } = config;
  if (subscription !== undefined) return look(clients, '--subscription', fullName(google.projectId, subscription));
  if (policy) return look(clients, '--policy', await onlyOf(clients, await policyTopic(clients, config)));
  if (deadLetters === undefined) {
    throw new FatalError('deadLetters: not set in this pipeline; --subscription names a subscription to read');
  }
  if (deadLetters.subscriptionId !== undefined) {
    const name = fullName(google.projectId, deadLetters.subscriptionId);
    return look(clients, 'deadLetters.subscriptionId', name);
  }
  const topic = `projects/${google.projectId}/topics/${deadLetters.topicId}`;
  return look(clients, 'deadLetters.topicId', await onlyOf(clients, topic));
}

function fullName(projectId: string, name: string): string {
  return name.startsWith('projects/') ? name : `projects/${projectId}/subscriptions/${name}`;
}

async function policyTopic(clients: PubSubClients, config: ServiceConfig): Promise<string> {
  if ('mqtt' in config) {
    throw new FatalError('--policy: an ingestion has no source subscription, and thus no dead-letter policy');
  }
  const subscription = sourceOf(config);
  const [{ deadLetterPolicy }] = await clients.subscriber.getSubscription({ subscription }, CALL).catch((thrown) => {
    throw asStartError('source.subscriptionId', subscription, thrown);
  });
  if (!deadLetterPolicy?.deadLetterTopic) throw new FatalError(`--policy: ${subscription} has no dead-letter policy`);
  return deadLetterPolicy.deadLetterTopic;
}

async function onlyOf({ publisher }: PubSubClients, topic: string): Promise<string> {
  const [names] = await publisher.listTopicSubscriptions({ topic }, CALL).catch((thrown) => {
    const error = asStartError('which subscription to read', topic, thrown);
    error.message += `; name it in deadLetters.subscriptionId or --subscription`;
    throw error;
  });
  const [name, ...others] = names;
  if (name !== undefined && others.length === 0) return name;
  const found = name === undefined ? 'no subscription' : `several subscriptions: ${names.join(', ')}`;
  throw new FatalError(`${topic} has ${found}; name one in deadLetters.subscriptionId or --subscription`);
}

async function look({ subscriber }: PubSubClients, setting: string, name: string): Promise<FoundSubscription> {
  const [found] = await subscriber.getSubscription({ subscription: name }, CALL).catch((thrown) => {
    throw asStartError(setting, name, thrown);
  });
  return { name, topic: found.topic ?? '', hasPolicy: Boolean(found.deadLetterPolicy?.deadLetterTopic) };
}
