import type { MqttClient } from 'mqtt';
import { type BehaviorSubject, map } from 'rxjs';
import { MqttSource } from '../../connectors/mqtt/source.ts';
import type { MqttSubscription } from '../../connectors/mqtt/subscriptions.ts';
import type { Credit } from '../../core/credit.ts';
import type { DeliveryContext } from '../../core/delivery.ts';
import type { ConditionSetter } from '../../core/readiness.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { type ServiceContext, showOpenConnections } from '../service-context.ts';
import type { IngestionConfig } from './config.ts';
import type { RouteTable } from './route-table.ts';

export interface ConnectionParts {
  readonly createClient: (clientId: string) => MqttClient;
  readonly deadLetter: DeliveryContext['deadLetter'];
}

/** Opens one connection for all routes, or one with its own credit for the routes of each producer. */
export function openConnections(
  context: ServiceContext,
  { mqtt }: IngestionConfig,
  table: BehaviorSubject<RouteTable>,
  { createClient, deadLetter }: ConnectionParts,
): MqttSource[] {
  const { telemetry, readiness } = context;
  const open = (
    clientId: string,
    credit: Credit,
    conditions: ConditionSetter,
    subscriptionsOf: (routes: RouteTable) => readonly MqttSubscription[],
  ): MqttSource =>
    new MqttSource({
      client: createClient(clientId),
      config: { ...mqtt, clientId },
      subscriptions: table.pipe(map(subscriptionsOf)),
      context: context.context(deadLetter, credit),
      telemetry,
      readiness: conditions,
    });
  const sources = mqtt.connectionPerProducer
    ? table.value.producers.map((producer, index) =>
        open(
          `${mqtt.clientId}-${producer}`,
          index === 0 ? context.credit : context.openCredit(),
          { set: (part, state, detail) => readiness.set(part.replace(/^mqtt/, `mqtt.${producer}`), state, detail) },
          (routes) => routes.subscriptionsOf(producer),
        ),
      )
    : [open(mqtt.clientId, context.credit, readiness, (routes) => routes.subscriptions)];
  showConnections(telemetry, sources);
  return sources;
}

/** Reports the combined state of all connections as metrics. */
function showConnections(telemetry: Telemetry, sources: readonly MqttSource[]): void {
  const total = (read: (source: MqttSource) => number) => sources.reduce((sum, source) => sum + read(source), 0);
  showOpenConnections(telemetry, {
    open: () => total(({ isConnected }) => (isConnected ? 1 : 0)),
    configured: sources.length,
  });
  telemetry.gauge(
    'dataflow_mqtt_connections_paused',
    'Connections that are not read for lack of credit.',
    () => [[{}, total(({ isPaused }) => (isPaused ? 1 : 0))]],
    [],
  );
  telemetry.gauge(
    'dataflow_mqtt_pubacks_owed',
    'Messages whose PUBACK has not been written, settled or not.',
    () => [[{}, total(({ unconfirmed }) => unconfirmed)]],
    [],
  );
  telemetry.gauge(
    'dataflow_mqtt_pubacks_blocked',
    'Settled messages whose PUBACK waits only for an older one, as mqtt.ackOrder strict requires.',
    () => [[{}, total(({ waitingPubacks }) => waitingPubacks)]],
    [],
  );
}
