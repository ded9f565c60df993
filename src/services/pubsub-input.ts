import { checkCredentials } from '../connectors/google/credentials.ts';
import { checkUnlessDenied } from '../connectors/google/denied-check.ts';
import { asStartError } from '../connectors/google/errors.ts';
import type { GoogleConfig } from '../connectors/google/google-config.ts';
import type { PubSubSourceConfig } from '../connectors/pubsub/config.ts';
import { Publisher } from '../connectors/pubsub/publisher.ts';
import { createServiceClients, type ServiceClients } from '../connectors/pubsub/service-client.ts';
import { PubSubSource } from '../connectors/pubsub/source.ts';
import type { DeadLettersConfig } from '../dead-letters/config.ts';
import { openDeadLetterSink } from './dead-letter-sink.ts';
import type { ServiceOpening } from './define-service.ts';
import { showOpenConnections } from './service-context.ts';

interface PubSubInputConfig {
  readonly google: GoogleConfig;
  readonly source: PubSubSourceConfig;
  readonly deadLetters?: DeadLettersConfig | undefined;
}

/** The start of the graphs that consume Pub/Sub: clients, source, and dead-letter sink. */
export interface PubSubInput {
  readonly clients: ServiceClients;
  readonly source: PubSubSource;
  /** Checks that the subscription and the dead-letter resources exist. */
  readonly check: () => Promise<void>;
  /** Closes the clients, unless they were injected. */
  readonly close: () => Promise<void>;
}

/** @param keepsOrder true if the graph keeps order by key: a returned message then takes its successors with it. */
export async function openPubSubInput(
  { context, config, probes, dependencies: injected }: ServiceOpening<PubSubInputConfig>,
  { keepsOrder = false }: { readonly keepsOrder?: boolean } = {},
): Promise<PubSubInput> {
  const { telemetry, readiness } = context;
  const { projectId } = config.google;
  const clients = injected.pubsub ?? (await createServiceClients(config.google));
  const subscription = clients.subscriber.subscriptionPath(projectId, config.source.subscriptionId);
  context.wiring.input = subscription;
  const publisher = new Publisher({
    connections: clients.publishConnections,
    projectId,
    retry: { initialDelayMs: 100, maxDelayMs: 10_000, giveUpAfterMs: Number.POSITIVE_INFINITY },
    timeoutMs: 30_000,
    telemetry,
    readiness,
    component: 'dead_letter_publish',
  });
  const deadLetters = await openDeadLetterSink(context, config, {
    clients,
    storage: injected.storage,
    publisher,
    sourceOf: () => subscription,
    probe: probes.deadLettered,
  });
  const source = new PubSubSource({
    client: clients.subscriber,
    projectId,
    config: config.source,
    context: context.context(deadLetters.deadLetter),
    keepsOrder,
    telemetry,
    readiness,
  });
  showOpenConnections(telemetry, { open: () => source.openStreams, configured: config.source.streams });
  telemetry.gauge(
    'dataflow_pubsub_messages_pending',
    'Received and leased messages that wait for credit.',
    () => [[{}, source.pending]],
    [],
  );
  telemetry.counter(
    'dataflow_pubsub_messages_out_of_turn_total',
    'Messages returned on arrival because an earlier one of their ordering key had gone back.',
    () => [[{}, source.outOfTurn]],
    [],
  );
  telemetry.counter(
    'dataflow_pubsub_settlements_unconfirmed_total',
    'Settlements that Pub/Sub did not confirm while the lease lasted: these messages are redelivered.',
    () => [[{}, source.unconfirmed]],
    [],
  );
  return {
    clients,
    source,
    check: async () => {
      if (injected.pubsub === undefined) await checkCredentials(config.google, ['pubsub']);
      const found = await checkUnlessDenied(
        telemetry,
        {
          setting: 'source.subscriptionId',
          resource: subscription,
          permission: 'pubsub.subscriptions.get',
          unchecked: 'that the subscription exists',
        },
        () => clients.subscriber.getSubscription({ subscription }, { retry: null, timeout: 10_000 }),
        asStartError,
      );
      if (found?.[0].topic) context.wiring.inputTopic = found[0].topic;
      source.subscriptionBacksOff = Boolean(found?.[0].retryPolicy);
      await deadLetters.check();
    },
    close: async () => {
      if (injected.pubsub === undefined) await clients.close();
    },
  };
}
