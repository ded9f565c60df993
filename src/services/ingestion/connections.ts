import type { MqttClient } from 'mqtt';
import { type BehaviorSubject, map } from 'rxjs';
import { MqttSource } from '../../connectors/mqtt/source.ts';
import type { MqttSubscription } from '../../connectors/mqtt/subscriptions.ts';
import type { Credit } from '../../core/credit.ts';
import type { Desk } from '../../core/delivery.ts';
import type { ConditionSetter } from '../../core/readiness.ts';
import type { Shell } from '../service-context.ts';
import type { IngestionConfig } from './config.ts';
import type { RouteTable } from './route-table.ts';

export interface ConnectionParts {
  readonly createClient: (clientId: string) => MqttClient;
  readonly bury: Desk['bury'];
}

/** Opens one connection for all routes, or one with credit of its own for the routes of each producer. */
export function openConnections(
  shell: Shell,
  { mqtt }: IngestionConfig,
  table: BehaviorSubject<RouteTable>,
  { createClient, bury }: ConnectionParts,
): MqttSource[] {
  const { telemetry, readiness } = shell;
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
      desk: shell.desk(bury, credit),
      telemetry,
      readiness: conditions,
    });
  if (!mqtt.connectionPerProducer)
    return [open(mqtt.clientId, shell.credit, readiness, (routes) => routes.subscriptions)];
  return table.value.producers.map((producer, index) =>
    open(
      `${mqtt.clientId}-${producer}`,
      index === 0 ? shell.credit : shell.openCredit(),
      { set: (part, state, detail) => readiness.set(part.replace(/^mqtt/, `mqtt.${producer}`), state, detail) },
      (routes) => routes.subscriptionsOf(producer),
    ),
  );
}
