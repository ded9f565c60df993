import type { protos } from '@google-cloud/pubsub';
import { deadLetterRequest } from './dead-letter.ts';
import type { Entry } from './entry.ts';
import { LeaseTable } from './lease-table.ts';
import type { PublishRequest } from './publish-codec.ts';
import { checkName } from './resource-name.ts';
import { alreadyExists, notFound } from './rpc.ts';
import { type Shared, Subscription } from './subscription.ts';
import type { SubscriptionSettings } from './subscription-settings.ts';
import { TimerWheel } from './timer-wheel.ts';

export type TopicSettings = protos.google.pubsub.v1.ITopic;

/** What a subscription's topic is called once it is deleted. */
const DELETED_TOPIC = '_deleted-topic_';

export interface Topic {
  settings: TopicSettings;
  readonly subscriptions: Map<string, Subscription>;
}

/** All topics and subscriptions of one server, by full name. */
export class Topics {
  readonly topics = new Map<string, Topic>();
  readonly subscriptions = new Map<string, Subscription>();
  readonly #shared: Shared;
  #nextId = Date.now() * 1000;

  constructor() {
    this.#shared = {
      leases: new LeaseTable(),
      wheel: new TimerWheel<Entry>((entry) => entry.owner.due(entry)),
      deadLetter: (entry, settings) => this.#deadLetter(entry, settings),
    };
  }

  topic(name: string): Topic {
    const topic = this.topics.get(name);
    if (topic !== undefined) return topic;
    checkName('topics', name);
    throw notFound(name);
  }

  subscription(name: string): Subscription {
    const subscription = this.subscriptions.get(name);
    if (subscription !== undefined) return subscription;
    checkName('subscriptions', name);
    throw notFound(name);
  }

  createTopic(name: string, settings: TopicSettings): TopicSettings {
    checkName('topics', name);
    if (this.topics.has(name)) throw alreadyExists(name);
    this.topics.set(name, { settings, subscriptions: new Map() });
    return settings;
  }

  /** The topic's subscriptions and their messages stay. */
  deleteTopic(name: string): void {
    const topic = this.topic(name);
    for (const subscription of topic.subscriptions.values()) {
      subscription.settings = { ...subscription.settings, topic: DELETED_TOPIC };
    }
    this.topics.delete(name);
  }

  createSubscription(name: string, settings: SubscriptionSettings): SubscriptionSettings {
    checkName('subscriptions', name);
    if (this.subscriptions.has(name)) throw alreadyExists(name);
    const topic = this.topic(settings.topic ?? '');
    this.checkDeadLetterTopic(settings);
    const subscription = new Subscription(settings, this.#shared);
    this.subscriptions.set(name, subscription);
    topic.subscriptions.set(name, subscription);
    return settings;
  }

  checkDeadLetterTopic({ deadLetterPolicy }: SubscriptionSettings): void {
    if (deadLetterPolicy) this.topic(deadLetterPolicy.deadLetterTopic ?? '');
  }

  deleteSubscription(name: string): void {
    const subscription = this.subscription(name);
    this.subscriptions.delete(name);
    this.topics.get(subscription.settings.topic ?? '')?.subscriptions.delete(name);
    subscription.close();
  }

  /** Hands the messages to every subscription of the topic, and returns the first of their consecutive ids. */
  publish(topic: Topic, { bytes, messages }: PublishRequest): number {
    const published = { bytes, publishTimeMs: Date.now(), firstId: this.#nextId };
    this.#nextId += messages.length;
    const stored = messages.map(({ start, end, orderingKey }, index) => ({
      published,
      index,
      start,
      end,
      orderingKey,
    }));
    for (const subscription of topic.subscriptions.values()) {
      for (const message of stored) subscription.add(message);
      subscription.dispatch();
    }
    return published.firstId;
  }

  close(): void {
    this.#shared.wheel.close();
  }

  #deadLetter(entry: Entry, settings: SubscriptionSettings): boolean {
    const name = settings.deadLetterPolicy?.deadLetterTopic ?? '';
    const topic = this.topics.get(name);
    if (topic === undefined) return false;
    this.publish(topic, deadLetterRequest(entry, settings, name));
    return true;
  }
}
