import type { MqttClient } from 'mqtt';
import { type BehaviorSubject, map } from 'rxjs';
import { MqttSource } from '../../connectors/mqtt/source.ts';
import type { MqttSubscription } from '../../connectors/mqtt/subscriptions.ts';
import type { Credit } from '../../core/credit.ts';
import type { DeliveryContext } from '../../core/delivery.ts';
import type { ConditionSetter } from '../../core/readiness.ts';
import type { ServiceContext } from '../service-context.ts';
import type { IngestionConfig } from './config.ts';
import type { RouteTable } from './route-table.ts';

export interface ConnectionParts {
  readonly createClient: (clientId: string) => MqttClient;
  readonly deadLetter: DeliveryContext['deadLetter'];
}

/** Opens one connection for all routes, or one with credit of its own for the routes of each producer. */
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
  if (!mqtt.connectionPerProducer)
    return [open(mqtt.clientId, context.credit, readiness, (routes) => routes.subscriptions)];
  return table.value.producers.map((producer, index) =>
    open(
      `${mqtt.clientId}-${producer}`,
      index === 0 ? context.credit : context.openCredit(),
      { set: (part, state, detail) => readiness.set(part.replace(/^mqtt/, `mqtt.${producer}`), state, detail) },
      (routes) => routes.subscriptionsOf(producer),
    ),
  );
}
