import { createHash } from 'node:crypto';
import { attributesOf, messageOf, tooLarge } from '../../connectors/mqtt/received-message.ts';
import { outgoingBy } from '../../connectors/pubsub/sink.ts';
import type { Message, Original } from '../../core/message.ts';
import { identityBy, insertIdOf } from '../../formats/identity.ts';
import type { Hooks } from '../../services/define-service.ts';
import { openingOf } from '../../services/define-service.ts';
import { type IngestionConfig, settings } from '../../services/ingestion/config.ts';
import {
  enrichWith,
  type IngestionDependencies,
  ingestionGraph,
  ingestionProbes,
} from '../../services/ingestion/ingestion.ts';
import { toPublishTarget } from '../../services/ingestion/publish-target.ts';
import { RouteTable } from '../../services/ingestion/route-table.ts';
import { type Arrival, type Explanation, otherEnd, shownMessage } from './explanation.ts';
import { publishedOf } from './published.ts';
import { ONE_MESSAGE, QUIET, tryOut } from './try-out.ts';

/** Follows an MQTT message through an ingestion pipeline. */
export async function explainIngestion(
  config: IngestionConfig,
  hooks: Hooks,
  { data, attributes: userProperties, topic = '', retained }: Arrival,
): Promise<Omit<Explanation, 'pipeline'>> {
  const notes: string[] = [];
  const { mqtt } = config;
  const dependencies: Partial<IngestionDependencies> = { ...hooks, telemetry: QUIET };
  const opening = openingOf({ ...settings, inFlight: ONE_MESSAGE, probes: ingestionProbes }, config, dependencies);
  const table = new RouteTable(config);
  const currentTable = () => table;

  const properties = Object.entries(userProperties);
  if (properties.length > 0 && mqtt.protocolVersion === 4) {
    notes.push('MQTT 3.1.1 has no user properties (mqtt.protocolVersion is 4): --attributes is ignored');
  }
  const attributes = attributesOf(
    {
      topic,
      retain: retained,
      properties: properties.length === 0 || mqtt.protocolVersion === 4 ? undefined : { userProperties: properties },
    },
    mqtt,
    (_, leftOut) => notes.push(`${leftOut} user properties do not fit into Pub/Sub attributes, and are omitted`),
  );
  const whole =
    data.byteLength > mqtt.maxPayloadBytes
      ? { byteLength: data.byteLength, sha256: createHash('sha256').update(data).digest('hex') }
      : undefined;
  const original: Original = { data: data.subarray(0, mqtt.maxPayloadBytes), attributes, orderingKey: '', whole };
  const arrived = messageOf(original, Date.now());
  let seen: Message = arrived;
  opening.probes.routed.subscribe({
    next: ({ message }) => {
      seen = message;
    },
  });

  const toTarget = toPublishTarget(currentTable, ({ leftOut }) =>
    notes.push(`${leftOut} user properties are omitted: with them, the message would exceed the maximum request size`),
  );
  const ended = await tryOut(
    opening.context,
    { original, message: arrived, poison: whole && tooLarge(topic, whole, mqtt.maxPayloadBytes) },
    outgoingBy(toTarget, () => notes.push('attributes that Pub/Sub reserves are omitted')),
    (deliveries, publish) =>
      ingestionGraph(deliveries, opening, { currentTable, enrich: enrichWith(opening, currentTable), publish }),
  );

  const route = table.routeOf(topic);
  if (route === undefined) {
    notes.push('no route matches this topic: the broker sends it only for a filter that is still in the session');
  }
  if (retained && mqtt.retained === 'new') {
    notes.push('mqtt.retained is new: a retained message is received only if the session did not have the filter');
  }
  if (seen.id === arrived.id) notes.push('the id is generated on receipt: it differs each time');
  return {
    service: 'ingestion',
    message: shownMessage(seen, insertIdOf(identityBy({ publishTime: false })(seen))),
    ...(route === undefined
      ? {}
      : {
          route: {
            name: route.name,
            filter: config.routes[route.name]?.source.mqtt_topic ?? '',
            producer: route.routeName,
            device: route.device,
          },
        }),
    ...(retained && mqtt.retained === 'never'
      ? { outcome: 'dropped', error: 'mqtt.retained is never: retained messages are ignored' }
      : ended.kind === 'taken'
        ? { outcome: 'published', published: publishedOf(ended.item, config.google.projectId) }
        : otherEnd(ended, original, { ...config, source: `mqtt:${topic}` })),
    notes,
  };
}
