import type { MethodPermissions } from '../permissions.ts';

/** https://cloud.google.com/pubsub/docs/access-control#required_permissions */
export const PUBSUB_PERMISSIONS = {
  CreateTopic: ['pubsub.topics.create'],
  DeleteTopic: ['pubsub.topics.delete'],
  GetTopic: ['pubsub.topics.get'],
  ListTopics: ['pubsub.topics.list'],
  ListTopicSubscriptions: ['pubsub.topics.get'],
  Publish: ['pubsub.topics.publish'],
  UpdateTopic: ['pubsub.topics.update'],
  CreateSubscription: ['pubsub.subscriptions.create', 'pubsub.topics.attachSubscription'],
  DeleteSubscription: ['pubsub.subscriptions.delete'],
  GetSubscription: ['pubsub.subscriptions.get'],
  ListSubscriptions: ['pubsub.subscriptions.list'],
  UpdateSubscription: ['pubsub.subscriptions.update'],
  Acknowledge: ['pubsub.subscriptions.consume'],
  ModifyAckDeadline: ['pubsub.subscriptions.consume'],
  Pull: ['pubsub.subscriptions.consume'],
  StreamingPull: ['pubsub.subscriptions.consume'],
  TestIamPermissions: [],
} as const satisfies MethodPermissions;
