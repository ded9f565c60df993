import { randomBytes } from 'node:crypto';
import type { CreateSubscriptionOptions, PubSub } from '@google-cloud/pubsub';

/** Creates a topic with one subscription. Both have the returned name: `name` with a random suffix. */
export async function newTopic(
  pubsub: PubSub,
  name: string,
  subscription: CreateSubscriptionOptions = {},
): Promise<string> {
  const id = `${name}-${randomBytes(4).toString('hex')}`;
  await pubsub.createTopic(id);
  await pubsub.topic(id).createSubscription(id, subscription);
  return id;
}

/** Creates one topic per name, like `newTopic`. */
export function newTopics<Names extends readonly string[]>(
  pubsub: PubSub,
  ...names: Names
): Promise<{ [Index in keyof Names]: string }>;
export function newTopics(pubsub: PubSub, ...names: readonly string[]): Promise<string[]> {
  return Promise.all(names.map((name) => newTopic(pubsub, name)));
}
