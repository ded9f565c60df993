import type { OperatorFunction } from 'rxjs';
import type { GoogleConfig } from '../connectors/google/google-config.ts';
import { checkTopics } from '../connectors/pubsub/check.ts';
import type { PublishConfig } from '../connectors/pubsub/config.ts';
import { Publisher } from '../connectors/pubsub/publisher.ts';
import type { ServiceClients } from '../connectors/pubsub/service-client.ts';
import { type PubSubSinkOptions, pubsubSink } from '../connectors/pubsub/sink.ts';
import type { Delivery, Outcome } from '../core/delivery.ts';
import type { ServiceContext } from './service-context.ts';

interface PubSubOutputConfig {
  readonly google: GoogleConfig;
  readonly output: { readonly topicId: string };
  readonly publish: PublishConfig;
  /** Longest outage of the topic before a message goes back to its source. Default: 300,000. */
  readonly giveUpAfterMs?: number;
}

interface PubSubOutputParts extends Pick<PubSubSinkOptions, 'toTarget' | 'onFlush'> {
  readonly clients: ServiceClients;
}

/** The end of a service that publishes to one topic. */
export interface PubSubOutput {
  /** Checks that the topic exists. */
  readonly check: () => Promise<void>;
  /** Publishes deliveries, and emits the outcome of each. */
  readonly sink: OperatorFunction<Delivery, Outcome>;
}

/** Opens the output of a service that publishes to one topic, with the clients of its input. */
export function openPubSubOutput(
  context: ServiceContext,
  { google: { projectId }, output: { topicId }, publish, giveUpAfterMs = 300_000 }: PubSubOutputConfig,
  { clients, ...parts }: PubSubOutputParts,
): PubSubOutput {
  const { credit, telemetry, readiness } = context;
  context.wiring.outputs = () => [`projects/${projectId}/topics/${topicId}`];
  const publisher = new Publisher({
    connections: clients.publishConnections,
    projectId,
    retry: { ...publish.retry, giveUpAfterMs },
    timeoutMs: publish.timeoutMs,
    telemetry,
    readiness,
    component: 'publish',
  });
  return {
    check: () => checkTopics(clients.publisher, projectId, [['output.topicId', topicId]], telemetry),
    sink: pubsubSink({
      publisher,
      config: publish,
      credit,
      telemetry,
      onlyTopicId: topicId,
      onFailingTargets: (failing) => context.watchTargets({ credit, failing }),
      ...parts,
    }),
  };
}
