import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { byName } from '../../config/by-name.ts';
import { count, oneOf, setting, text } from '../../config/schemas.ts';
import { topicFilter } from '../../connectors/mqtt/config.ts';
import { filterCovers, filtersOverlap } from '../../connectors/mqtt/topic-filter.ts';
import { orderingKeySchema } from '../../connectors/pubsub/ordering-key.ts';
import { deviceTopicProblem, filterMismatch } from './device-topic.ts';
import { payloadLimitsSchema } from './payload-limits.ts';

const deviceSchema = v.pipe(
  v.strictObject({
    level: setting(v.optional(count()), "Level of the topic that is the device's id. The first level is 1.", {
      example: 2,
      unset: 'the level of the first `+` of the filter',
    }),
    topic: setting(
      v.optional(
        v.pipe(
          v.string(),
          v.rawCheck(({ dataset, addIssue }) => {
            const problem = dataset.typed ? deviceTopicProblem(dataset.value) : undefined;
            if (problem !== undefined) addIssue({ message: problem });
          }),
        ),
      ),
      'Topic of the route with names instead of whole levels, which become enrichment data. `+` matches any ' +
        'level, and `#` at the end all further ones. A topic equal to the filter names nothing. Use `level` or `topic`, not both.',
      { example: 'sites/{location}/devices/{DeviceID}/readings' },
    ),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.issues !== undefined) return;
    const { level, topic } = dataset.value;
    if ((level === undefined) === (topic === undefined)) addIssue({ message: 'expected either level or topic' });
  }),
);

const routeSchema = v.strictObject({
  source: v.strictObject({
    mqtt_topic: setting(
      topicFilter,
      'Topic filter. The first of several overlapping routes in the file gets a message. A filter covered by another ' +
        'one is not subscribed, but may raise the QoS of the other.',
      { example: 'devices/+/readings', kind: 'topic filter' },
    ),
    qos: setting(oneOf([0, 1, 2]), 'Quality of service of the subscription. 2 is subscribed as 1.', { example: 1 }),
  }),
  destination: v.strictObject({
    route_name: setting(text, 'Name of the producer that publishes the messages.', { example: 'raw' }),
  }),
  device: setting(v.optional(deviceSchema), 'Position of the device in the topic.', {
    unset: 'the first `+` of the filter',
  }),
  payload: setting(v.optional(payloadLimitsSchema), 'Payload sizes that the route accepts.', { unset: 'any' }),
});

const producerSchema = v.strictObject({
  outputTopicId: setting(text, 'Short name of the topic to publish to, in `google.projectId`.', { example: 'raw' }),
  orderingKey: setting(
    v.optional(orderingKeySchema),
    'Value that Pub/Sub keeps order by: a path, or a path and a number of buckets. See [ordering](ordering.md).',
    { example: 'enrichmentData.DeviceID', unset: 'no order' },
  ),
});

/** The received topics, and the destinations of their messages. */
export const routingEntries = {
  routes: byName(routeSchema),
  producers: byName(producerSchema),
};

export type RouteConfig = v.InferOutput<typeof routeSchema>;
export type ProducerConfig = v.InferOutput<typeof producerSchema>;

export interface RoutingConfig {
  readonly routes: Readonly<Record<string, RouteConfig>>;
  readonly producers: Readonly<Record<string, ProducerConfig>>;
}

/** The settings of `mqtt` that determine which routes may overlap. */
export interface SharingConfig {
  readonly shareGroup?: string | undefined;
  readonly connectionPerProducer?: boolean;
}

/** Returns problems between well-formed routes: unknown producers, and filters that would double a message. */
export function routingProblems(
  { routes, producers }: RoutingConfig,
  sharing: SharingConfig = {},
): { path: string[]; problem: string }[] {
  const problems: { path: string[]; problem: string }[] = [];
  const entries = Object.entries(routes);
  if (entries.length === 0) problems.push({ path: ['routes'], problem: 'expected at least one route' });
  for (const [name, route] of entries) {
    const target = route.destination.route_name;
    if (!Object.hasOwn(producers, target)) {
      const known = Object.keys(producers).join(', ') || 'none';
      problems.push({
        path: ['routes', name, 'destination', 'route_name'],
        problem: `there is no producer "${target}" under producers (there is: ${known})`,
      });
    }
  }
  for (const [name, { source, device }] of entries) {
    const problem = device?.topic === undefined ? undefined : filterMismatch(device.topic, source.mqtt_topic);
    if (problem !== undefined) problems.push({ path: ['routes', name, 'device', 'topic'], problem });
  }
  const used = new Set(entries.map(([, route]) => route.destination.route_name));
  for (const name of Object.keys(producers)) {
    if (!used.has(name)) problems.push({ path: ['producers', name], problem: 'no route leads to this producer' });
  }
  for (const [index, [name, route]] of entries.entries()) {
    for (const [otherName, other] of entries.slice(0, index)) {
      // Routes that are identical count as one: a variable may fill in both filters.
      if (isDeepStrictEqual(route, other)) break;
      const problem = overlapProblem(otherName, other, route, sharing);
      if (problem !== undefined) problems.push({ path: ['routes', name, 'source', 'mqtt_topic'], problem });
    }
  }
  return problems;
}

/** Returns why a route may not overlap an earlier one, which gets the messages of both. */
function overlapProblem(
  earlierName: string,
  earlier: RouteConfig,
  later: RouteConfig,
  { shareGroup = '', connectionPerProducer = false }: SharingConfig,
): string | undefined {
  const [first, second] = [earlier.source.mqtt_topic, later.source.mqtt_topic];
  if (!filtersOverlap(first, second)) return undefined;
  const overlap = `"${second}" overlaps "${first}" of the route "${earlierName}"`;
  if (filterCovers(first, second)) {
    const remedy = filterCovers(second, first) ? 'remove one of them' : 'put the narrower route first';
    return `${overlap}, which comes first and takes all of its messages: ${remedy}`;
  }
  if (connectionPerProducer && earlier.destination.route_name !== later.destination.route_name) {
    return `${overlap}: a message of both would be doubled, because mqtt.connectionPerProducer subscribes each over its own connection`;
  }
  const isShared = shareGroup !== '' || first.startsWith('$share/') || second.startsWith('$share/');
  if (isShared && !filterCovers(second, first)) {
    return `${overlap}: a message of both would be doubled, because different members of a share group may get its copies`;
  }
  return undefined;
}

/**
 * Returns problems with share groups. A route names its own group or takes the configuration's, not both. Shared
 * subscriptions get no retained messages.
 */
export function sharingProblems(
  { routes }: RoutingConfig,
  { shareGroup, retained }: { readonly shareGroup?: string | undefined; readonly retained?: string | undefined },
): { path: string[]; problem: string }[] {
  const shared = Object.entries(routes).filter(([, { source }]) => source.mqtt_topic.startsWith('$share/'));
  const problem = (filter: string): string | undefined => {
    if (shareGroup !== undefined && shareGroup !== '')
      return `"${filter}" names a share group, and so does mqtt.shareGroup ("${shareGroup}"): remove one of them`;
    if (retained === 'always')
      return `brokers send no retained messages to shared subscriptions such as "${filter}": use mqtt.retained new or never`;
    return undefined;
  };
  return shared.flatMap(([name, { source }]) => {
    const found = problem(source.mqtt_topic);
    return found === undefined ? [] : [{ path: ['routes', name, 'source', 'mqtt_topic'], problem: found }];
  });
}

/** Returns problems with limits of a route that `mqtt.maxPayloadBytes` makes pointless. */
export function payloadLimitProblems(
  { routes }: RoutingConfig,
  { maxPayloadBytes }: { readonly maxPayloadBytes: number },
): { path: string[]; problem: string }[] {
  return Object.entries(routes).flatMap(([name, { payload }]) =>
    (['minBytes', 'maxBytes'] as const)
      .filter((limit) => (payload?.[limit] ?? 0) > maxPayloadBytes)
      .map((limit) => ({
        path: ['routes', name, 'payload', limit],
        problem: `${payload?.[limit]} is above mqtt.maxPayloadBytes (${maxPayloadBytes}), beyond which payloads are truncated and dead-lettered: raise that limit, or lower this one`,
      })),
  );
}
