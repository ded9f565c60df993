/** Pub/Sub: a source that extends leases and keeps order by key, and a sink that publishes in batches. */

export { checkTopics } from './check.ts';
export { createPubSubClients, type PubSubClients } from './client.ts';
export { type PublishConfig, type PubSubSourceConfig, publishSchema, pubsubSourceSchema } from './config.ts';
export { type OutgoingMessage, PUBSUB_LIMITS } from './limits.ts';
export { type OrderingKey, type OrderingKeyConfig, orderingKeyBy, orderingKeySchema } from './ordering-key.ts';
export { Publisher, type PublisherOptions } from './publisher.ts';
export { type PublishTarget, type PubSubSinkOptions, pubsubSink } from './sink.ts';
export { PubSubSource, type PubSubSourceOptions } from './source.ts';
