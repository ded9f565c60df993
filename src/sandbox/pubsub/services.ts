import { setTimeout as sleep } from 'node:timers/promises';
import type { protos } from '@google-cloud/pubsub';
import type { Faults } from '../faults/faults.ts';
import { asRpcError } from '../faults/grpc-faults.ts';
import type { Permissions } from '../permissions.ts';
import type { Clock, Entry } from './backlog.ts';
import { Collection } from './collection.ts';
import { orderingKeyOf, stamped, withAttributes } from './messages.ts';
import { PUBSUB_PERMISSIONS } from './permissions.ts';
import type { Decoded } from './protos.ts';
import { invalidArgument, notFound, permissionDenied, unary } from './rpc.ts';
import { streamingPull } from './streaming-pull.ts';
import { Subscription } from './subscription.ts';
import { type SubscriptionSettings, subscriptionSettings } from './subscription-settings.ts';

type AckRequest = Decoded<protos.google.pubsub.v1.IModifyAckDeadlineRequest>;
type PullRequest = Decoded<protos.google.pubsub.v1.IPullRequest>;
type IamRequest = { readonly resource: string; readonly permissions: readonly string[] };
type PublishRequest = { readonly topic: string; readonly messages: readonly Buffer[] };

/** Time that a Pull call waits for a first message: "a bounded amount of time" in google/pubsub/v1/pubsub.proto. */
const MAX_WAIT_MS = 10_000;
const DELETED_TOPIC = '_deleted-topic_';

/** The state of one server, and its calls; other calls answer UNIMPLEMENTED. */
export class Services {
  readonly #faults: Faults;
  readonly #permissions: Permissions;
  readonly #clock: Clock;
  /** Message ids count from the microseconds since 1970 at start. */
  #nextId = Date.now() * 1000;

  readonly #topics = new Collection<protos.google.pubsub.v1.ITopic, { settings: protos.google.pubsub.v1.ITopic }>({
    name: 'Topic',
    mutable: { name: false, state: false, labels: true },
    check: (asked) => asked,
    open: (settings) => ({ settings }),
  });

  readonly #subscriptions = new Collection<SubscriptionSettings, Subscription>({
    name: 'Subscription',
    mutable: {
      ...{ name: false, state: false, topic: false, enableMessageOrdering: false, enableExactlyOnceDelivery: false },
      ...{ labels: true, ackDeadlineSeconds: true, retryPolicy: true, deadLetterPolicy: true },
      ...{ messageRetentionDuration: true, expirationPolicy: true },
    },
    check: (asked) => {
      if (asked.topic !== DELETED_TOPIC) this.#topics.get(asked.topic ?? '');
      if (asked.deadLetterPolicy) this.#topics.get(asked.deadLetterPolicy.deadLetterTopic ?? '');
      return subscriptionSettings(asked);
    },
    open: (settings) => new Subscription(settings, this.#deadLetter.bind(this), this.#clock),
  });

  readonly publisher = {
    ...this.#topics.methods(),
    Publish: unary((name, { messages }: PublishRequest) => {
      this.#topics.get(name);
      return { messageIds: this.#publish(name, messages, orderingKeyOf(messages)) };
    }),
    ListTopicSubscriptions: unary((name) => {
      this.#topics.get(name);
      return { subscriptions: this.#subscriptionsOf(name).map(({ settings }) => settings.name) };
    }),
    DeleteTopic: unary((name) => {
      this.#topics.get(name);
      this.#topics.byName.delete(name);
      for (const one of this.#subscriptionsOf(name)) one.settings = { ...one.settings, topic: DELETED_TOPIC };
    }),
  };

  readonly subscriber = {
    ...this.#subscriptions.methods(),
    DeleteSubscription: unary((name) => {
      for (const subscriber of this.#subscriptions.get(name).subscribers) subscriber.end(notFound(name));
      this.#subscriptions.byName.delete(name);
    }),
    Pull: unary(async (name, { maxMessages, returnImmediately }: PullRequest, call) => {
      if (maxMessages <= 0) throw invalidArgument('max_messages must be positive');
      const ackDeadlineSeconds = this.#subscriptions.get(name).settings.ackDeadlineSeconds ?? 0;
      const consumer = { maxMessages, maxBytes: Infinity, ackDeadlineSeconds, outstanding: 0, outstandingBytes: 0 };
      for (const untilMs = performance.now() + (returnImmediately ? 0 : MAX_WAIT_MS); ; await sleep(10)) {
        const receivedMessages = this.#subscriptions.get(name).lease(consumer);
        const over = call.cancelled || performance.now() >= untilMs;
        if (receivedMessages.length > 0 || over) return { receivedMessages };
      }
    }),
    Acknowledge: unary((name, { ackIds }: AckRequest) =>
      this.#subscriptions.get(name).settle(ackIds, () => 'acknowledged'),
    ),
    ModifyAckDeadline: unary((name, { ackIds, ackDeadlineSeconds }: AckRequest) =>
      this.#subscriptions.get(name).settle(ackIds, () => ackDeadlineSeconds),
    ),
  };

  readonly iam = {
    // https://docs.cloud.google.com/pubsub/docs/reference/rpc/google.iam.v1#iampolicy: nothing, for what does not exist
    TestIamPermissions: unary((name, { permissions }: IamRequest) => ({
      permissions:
        this.#topics.byName.has(name) || this.#subscriptions.byName.has(name)
          ? this.#permissions.held(permissions)
          : [],
    })),
  };

  readonly streams;

  constructor(faults: Faults, permissions: Permissions, clock: Clock) {
    this.#faults = faults;
    this.#permissions = permissions;
    this.#clock = clock;
    const find = (name: string): Subscription => {
      const lacking = this.#permissions.check('StreamingPull', PUBSUB_PERMISSIONS.StreamingPull);
      if (lacking !== undefined) throw permissionDenied(lacking);
      return this.#subscriptions.get(name);
    };
    this.streams = { StreamingPull: streamingPull(find, faults) };
  }

  /**
   * Takes back expired leases, and ends the streams affected by a fault or a denied permission. Must be called often.
   */
  expire(): void {
    for (const [resource, subscription] of this.#subscriptions.byName) {
      subscription.expire();
      const lacking = this.#permissions.lackedBy('StreamingPull', PUBSUB_PERMISSIONS.StreamingPull);
      if (lacking !== undefined) for (const each of [...subscription.subscribers]) each.end(permissionDenied(lacking));
      for (const subscriber of this.#faults.isEmpty ? [] : [...subscription.subscribers]) {
        const fault = this.#faults.breaks({ server: 'pubsub', method: 'StreamingPull', resource });
        if (fault !== undefined) subscriber.end(Object(asRpcError(fault)));
      }
    }
  }

  #publish(topic: string, bodies: readonly Buffer[], orderingKey: string): string[] {
    const messages = stamped(bodies, orderingKey, this.#nextId);
    this.#nextId += messages.length;
    for (const subscription of this.#subscriptionsOf(topic)) subscription.add(messages);
    return messages.map(({ id }) => id);
  }

  #subscriptionsOf(topic: string): Subscription[] {
    return Array.from(this.#subscriptions.byName.values()).filter(({ settings }) => settings.topic === topic);
  }

  /** https://cloud.google.com/pubsub/docs/handling-failures#track_delivery_attempts */
  #deadLetter({ message, failures }: Entry, { name, deadLetterPolicy }: SubscriptionSettings): boolean {
    const topic = deadLetterPolicy?.deadLetterTopic ?? '';
    if (!this.#topics.byName.has(topic)) return false;
    const [, project = '', , id = ''] = name?.split('/') ?? [];
    const body = withAttributes(message.bytes, {
      CloudPubSubDeadLetterSourceDeliveryCount: String(failures),
      CloudPubSubDeadLetterSourceSubscription: id,
      CloudPubSubDeadLetterSourceSubscriptionProject: project,
      CloudPubSubDeadLetterSourceTopicPublishTime: new Date(message.publishTimeMs).toISOString(),
    });
    this.#publish(topic, [body], message.orderingKey);
    return true;
  }
}
