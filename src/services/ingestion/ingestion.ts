import type { MqttClient } from 'mqtt';
import {
  BehaviorSubject,
  EMPTY,
  identity,
  type MonoTypeOperatorFunction,
  type Observable,
  type OperatorFunction,
  tap,
} from 'rxjs';
import type { ConfigError } from '../../config/config-error.ts';
import { maskAddress } from '../../config/schema-walk.ts';
import { checkCredentials } from '../../connectors/google/credentials.ts';
import { createMqttClient } from '../../connectors/mqtt/client.ts';
import { checkTopics } from '../../connectors/pubsub/check.ts';
import { Publisher } from '../../connectors/pubsub/publisher.ts';
import { createServiceClients } from '../../connectors/pubsub/service-client.ts';
import { pubsubSink } from '../../connectors/pubsub/sink.ts';
import type { Credit } from '../../core/credit.ts';
import type { Delivery, Outcome } from '../../core/delivery.ts';
import type { Message } from '../../core/message.ts';
import { keyPath, MessageView } from '../../core/message-path.ts';
import type { Probe } from '../../core/probe.ts';
import { MergedSource } from '../../core/source.ts';
import { applyHook, HOOK_RETRY } from '../../operators/apply-hook.ts';
import { byCredit } from '../../operators/by-credit.ts';
import { filterMessages } from '../../operators/filter-messages.ts';
import { mapMessage } from '../../operators/map-message.ts';
import { settle } from '../../operators/settle.ts';
import { openDeadLetterSink } from '../dead-letter-sink.ts';
import { defineService, type ServiceOpening } from '../define-service.ts';
import type { CommonDependencies, ServiceContext } from '../service-context.ts';
import { type IngestionConfig, settings } from './config.ts';
import { openConnections } from './connections.ts';
import type { Enricher } from './enrichers.ts';
import { orderBy, toPublishTarget } from './publish-target.ts';
import { followEdits } from './route-edits.ts';
import { enrichBy, RouteTable, routeBy, routeOrDrop, withinLimits } from './route-table.ts';
import type { RoutingConfig } from './routing.ts';

/** The path of one delivery, up to its settlement. */
export function ingestionGraph(
  deliveries: Observable<Delivery>,
  { config, probes }: Pick<Opening, 'config' | 'probes'>,
  { currentTable, enrich, publish }: IngestionSteps,
): Observable<Outcome> {
  return deliveries.pipe(
    tap(probes.received.hit),
    filterMessages(withinLimits(currentTable)),
    mapMessage(identifyBy(config.id)),
    mapMessage(config.unroutable === 'drop' ? routeOrDrop(currentTable) : routeBy(currentTable)),
    enrich,
    tap(probes.routed.hit),
    publish,
    settle(),
    tap(probes.settled.hit),
  );
}

/** MQTT to Pub/Sub, with routes that can change at run time. Acknowledges each message once Pub/Sub has it. */
export const createIngestion = defineService({
  ...settings,
  inFlight: ({ mqtt, publish }) => ({ ...mqtt, maxWaitMs: publish.maxDelayMs }),
  probes: ingestionProbes,
  build: openParts,
  graph: ingestionGraph,
});
export default createIngestion;

/** The steps that need clients or hooks, not only the configuration. */
export interface IngestionSteps {
  readonly currentTable: () => RouteTable;
  readonly enrich: MonoTypeOperatorFunction<Delivery>;
  readonly publish: OperatorFunction<Delivery, Outcome>;
}

export interface IngestionDependencies extends CommonDependencies {
  /** Creates a client that has not connected yet. Default: built from `mqtt`. */
  readonly mqtt?: (clientId: string) => MqttClient;
  readonly enricher?: Enricher;
  /** Configuration changes at run time. A refused one leaves the running routes unchanged. */
  readonly configChanges?: Observable<IngestionConfig | ConfigError>;
}

export interface IngestionProbes {
  readonly routed: Probe<Delivery>;
  /** Route changes that have taken effect. */
  readonly routesChanged: Probe<RoutingConfig>;
}

export function ingestionProbes(probe: ServiceContext['probe']): IngestionProbes {
  return { routed: probe('routed', 'messages'), routesChanged: probe('routesChanged', 'elsewhere') };
}

type Opening = ServiceOpening<IngestionConfig, IngestionProbes, IngestionDependencies>;

/** MQTT cannot take back messages that wait for a failing topic. */
const REMEDY =
  'mqtt.connectionPerProducer keeps other producers running, publish.deadLetterAfterMs ends the wait for this one';

async function openParts(opening: Opening) {
  const { config, context, dependencies, probes } = opening;
  const { telemetry, readiness } = context;
  const table = new BehaviorSubject(new RouteTable(config));
  const currentTable = () => table.value;
  // Without the user that it may hold.
  context.wiring.input = maskAddress(config.mqtt.url).replace(/\/\/[^/@]*@/, '//');
  context.wiring.outputs = () =>
    currentTable().topicIds.map((topicId) => `projects/${config.google.projectId}/topics/${topicId}`);
  const pubsub = dependencies.pubsub ?? (await createServiceClients(config.google));
  const publisher = new Publisher({
    connections: pubsub.publishConnections,
    projectId: config.google.projectId,
    // MQTT has no nack, so an outage is retried forever.
    retry: { ...config.publish.retry, giveUpAfterMs: Number.POSITIVE_INFINITY },
    timeoutMs: config.publish.timeoutMs,
    telemetry,
    readiness,
    component: 'publish',
  });
  const deadLetters = await openDeadLetterSink(context, config, {
    clients: pubsub,
    storage: dependencies.storage,
    publisher,
    sourceOf: ({ attributes }) => `mqtt:${attributes.mqtt_topic ?? ''}`,
    probe: probes.deadLettered,
  });
  const connections = openConnections(context, config, table, {
    createClient: dependencies.mqtt ?? ((clientId) => createMqttClient({ ...config.mqtt, clientId })),
    deadLetter: deadLetters.deadLetter,
  });
  const check = (topicIds: readonly string[]) =>
    checkTopics(
      pubsub.publisher,
      config.google.projectId,
      topicIds.map((topicId) => ['producers', topicId] as const),
      telemetry,
    );
  const publishWith = (credit: Credit) =>
    pubsubSink({
      publisher,
      config: config.publish,
      credit,
      telemetry,
      toTarget: toPublishTarget(currentTable, (left) => telemetry.event('mqtt.properties_left_out', left)),
      deadLetterAfterMs: config.publish.deadLetterAfterMs,
      onFailingTargets: (failing) => context.watchTargets({ credit, failing, remedy: REMEDY }),
      onFlush: probes.flushed.hit,
    });
  const changes = followEdits(dependencies.configChanges ?? EMPTY, {
    config,
    table,
    check,
    telemetry,
    onChanged: probes.routesChanged.hit,
  });

  return {
    source: new MergedSource(connections),
    currentTable,
    enrich: enrichWith(opening, currentTable),
    publish: connections.length === 1 ? publishWith(context.credit) : byCredit(publishWith),
    check: async () => {
      if (dependencies.pubsub === undefined) await checkCredentials(config.google, ['pubsub']);
      await check(currentTable().topicIds);
      await deadLetters.check();
    },
    close: async () => {
      changes.unsubscribe();
      if (dependencies.pubsub === undefined) await pubsub.close();
    },
  };
}

/** Calls the hook `enricher`, if there is one. */
export function enrichWith(
  { config, context, dependencies: { enricher } }: Opening,
  table: () => RouteTable,
): MonoTypeOperatorFunction<Delivery> {
  if (enricher === undefined) return identity;
  return applyHook({
    name: 'enricher',
    config: config.hooks,
    keyOf: orderBy(table),
    retry: { ...HOOK_RETRY, giveUpAfterMs: Number.POSITIVE_INFINITY },
    telemetry: context.telemetry,
    readiness: context.readiness,
    ...enrichBy(enricher),
  });
}

/** Replaces the message's id with the one in its payload, if a path to it is configured and exists. */
export function identifyBy(path: string | undefined): (message: Message) => Message {
  if (path === undefined) return (message) => message;
  const read = keyPath(path);
  return (message) => {
    const id = read(new MessageView(message));
    return id === undefined ? message : { ...message, id };
  };
}
