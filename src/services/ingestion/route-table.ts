import type { MqttSubscription } from '../../connectors/mqtt/subscriptions.ts';
import { filterCovers, matchableFilter, topicMatches } from '../../connectors/mqtt/topic-filter.ts';
import { type OrderingKey, orderingKeyBy } from '../../connectors/pubsub/ordering-key.ts';
import type { Delivery } from '../../core/delivery.ts';
import { PoisonError } from '../../core/errors.ts';
import { type Drop, drop, plainObject } from '../../core/hook-result.ts';
import type { Attributes, EnrichmentData, Message } from '../../core/message.ts';
import type { HookAnswer } from '../../operators/apply-hook.ts';
import { memoize } from '../../util/memoize.ts';
import { deviceTopic, namesLevels } from './device-topic.ts';
import { type Enricher, standardEnricher, standardJsonHead } from './enrichers.ts';
import type { PayloadLimits } from './payload-limits.ts';
import type { RouteConfig, RoutingConfig } from './routing.ts';

/** Topics whose unchanging data is cached. */
const REMEMBERED_TOPICS = 20_000;

/** The route for messages of one topic. */
export interface Route {
  readonly name: string;
  /** The name of its producer. */
  readonly routeName: string;
  /**
   * The topic and the route's name; MQTT has no other attributes. The same object for each message of a cached topic.
   */
  readonly attributes: Attributes;
  /**
   * Device data from the topic, for example `{ DeviceID: 'd1' }`. Frozen, because all messages of the topic share it.
   */
  readonly device: EnrichmentData;
  /** The JSON of the standard enrichment data, up to the time. */
  readonly standardJsonHead: string;
  /** Accepted payload sizes; undefined for any. */
  readonly limits: PayloadLimits | undefined;
}

/** The publish target of a route's messages. */
export interface Producer {
  readonly topicId: string;
  readonly orderingKey: OrderingKey | undefined;
}

interface CompiledRoute {
  readonly name: string;
  readonly config: RouteConfig;
  readonly deviceOf: (topic: string) => EnrichmentData;
}

/** The compiled routes of an ingestion service. Immutable; a change creates a new table. */
export class RouteTable {
  readonly subscriptions: readonly MqttSubscription[];
  /** The names of the producers. */
  readonly producers: readonly string[];
  /** True if a route limits its payloads. */
  readonly hasLimits: boolean;
  readonly #routes: readonly CompiledRoute[];
  readonly #producers: ReadonlyMap<string, Producer>;
  /** Returns the first route whose filter matches the topic, in the order of the configuration. */
  readonly routeOf: (topic: string) => Route | undefined;

  constructor({ routes, producers }: RoutingConfig) {
    const filters = new Set<string>();
    this.#routes = Object.entries(routes)
      // The first of equal filters gets all messages; such routes are identical.
      .filter(([, { source }]) => !filters.has(source.mqtt_topic) && filters.add(source.mqtt_topic))
      .map(([name, config]) => ({ name, config, deviceOf: deviceBy(config) }));
    this.routeOf = memoize((topic) => this.#find(topic), REMEMBERED_TOPICS);
    this.producers = Object.keys(producers);
    this.hasLimits = this.#routes.some(({ config }) => config.payload !== undefined);
    this.subscriptions = subscriptionsTo(this.#routes);
    this.#producers = new Map(
      Object.entries(producers).map(([name, { outputTopicId, orderingKey }]) => [
        name,
        { topicId: outputTopicId, orderingKey: orderingKey === undefined ? undefined : orderingKeyBy(orderingKey) },
      ]),
    );
  }

  /** Returns the subscriptions of the routes to one producer. */
  subscriptionsOf(producer: string): readonly MqttSubscription[] {
    return subscriptionsTo(this.#routes.filter(({ config }) => config.destination.route_name === producer));
  }

  /** The topics that this table publishes to. */
  get topicIds(): readonly string[] {
    return [...new Set([...this.#producers.values()].map((producer) => producer.topicId))];
  }

  #find(topic: string): Route | undefined {
    const found = this.#routes.find(({ config }) => topicMatches(config.source.mqtt_topic, topic));
    if (found === undefined) return undefined;
    const { name, config, deviceOf } = found;
    const routeName = config.destination.route_name;
    const attributes = Object.freeze({ mqtt_topic: topic, route_name: routeName });
    const device = Object.freeze(deviceOf(topic));
    return {
      name,
      routeName,
      attributes,
      device,
      standardJsonHead: standardJsonHead(device, topic),
      limits: config.payload,
    };
  }

  producerOf(routeName: string): Producer | undefined {
    return this.#producers.get(routeName);
  }
}

/** Returns the routes' filters, without those covered by another one, which uses the highest QoS among them. */
function subscriptionsTo(routes: readonly CompiledRoute[]): MqttSubscription[] {
  const sources = routes.map(({ config }) => config.source);
  return sources
    .filter(
      ({ mqtt_topic }) =>
        !sources.some((other) => other.mqtt_topic !== mqtt_topic && filterCovers(other.mqtt_topic, mqtt_topic)),
    )
    .map(({ mqtt_topic, qos }) => ({
      filter: mqtt_topic,
      qos: sources.reduce(
        (most, each) => (each.qos > most && filterCovers(mqtt_topic, each.mqtt_topic) ? each.qos : most),
        qos,
      ),
    }));
}

/** Returns a function that reads the device from a route's topics. */
function deviceBy({ source, device }: RouteConfig): (topic: string) => EnrichmentData {
  if (device?.topic !== undefined && namesLevels(device.topic)) return deviceTopic(device.topic);
  const level = device?.level ?? matchableFilter(source.mqtt_topic).split('/').indexOf('+') + 1;
  return (topic) => {
    const id = level === 0 ? '' : (topic.split('/')[level - 1] ?? '');
    return id === '' ? {} : { DeviceID: id };
  };
}

/** A message on its route, with the attributes of its topic and its own. */
export class RoutedMessage implements Message {
  readonly id: string;
  readonly payload: Uint8Array;
  readonly publishTime: string;
  readonly route: Route;
  /** The route's own object, unless the message has others. */
  readonly attributes: Attributes;
  #enrichmentData: EnrichmentData | undefined;

  /** @param enrichmentData defaults to the standard enrichment data, created on demand. */
  constructor({ id, payload, publishTime, attributes }: Message, route: Route, enrichmentData?: EnrichmentData) {
    this.id = id;
    this.payload = payload;
    this.publishTime = publishTime;
    this.route = route;
    this.attributes = merged(attributes, route);
    this.#enrichmentData = enrichmentData;
  }

  get enrichmentData(): EnrichmentData {
    this.#enrichmentData ??= standardEnricher(this, this.route.device);
    return this.#enrichmentData;
  }

  /** In the standard enrichment data, only the time differs between messages of a topic. */
  get enrichmentJson(): string | undefined {
    if (this.#enrichmentData !== undefined) return undefined;
    return `${this.route.standardJsonHead}${this.publishTime}"}`;
  }
}

/** Merges a message's attributes with the route's, which take precedence. */
function merged(own: Attributes, route: Route): Attributes {
  for (const name in own) {
    if (name !== 'mqtt_topic' && name !== 'route_name') return { ...own, ...route.attributes };
  }
  return route.attributes;
}

/** Routes a message from MQTT: adds the attribute `route_name` and the standard enrichment data. */
export function routeBy(table: () => RouteTable): (message: Message) => Message {
  return (message) => {
    const topic = message.attributes.mqtt_topic ?? '';
    const route = table().routeOf(topic);
    if (route === undefined) throw new PoisonError('unroutable', `no route matches the topic "${topic}"`);
    return new RoutedMessage(message, route);
  };
}

/** Routes a message like `routeBy`, and drops a message without a route. */
export function routeOrDrop(table: () => RouteTable): (message: Message) => Message | Drop {
  const route = routeBy(table);
  return (message) => (table().routeOf(message.attributes.mqtt_topic ?? '') === undefined ? drop : route(message));
}

/** Calls a pipeline's own enricher for routed deliveries. */
export function enrichBy(enricher: Enricher): {
  readonly call: (delivery: Delivery) => HookAnswer<EnrichmentData>;
  readonly accept: (delivery: Delivery, result: EnrichmentData) => Delivery;
} {
  return {
    call: ({ message }) => enricher(message, message instanceof RoutedMessage ? message.route.device : {}),
    accept: (delivery, result) => {
      const { message } = delivery;
      const data = { ...plainObject('enricher', result) };
      return message instanceof RoutedMessage
        ? delivery.with(new RoutedMessage(message, message.route, data))
        : delivery;
    },
  };
}

/**
 * Checks a message's size against its route before anything reads it. Returns false if the route drops such messages,
 * otherwise throws a PoisonError (`too_small`, `too_large`). Messages without a route pass.
 */
export function withinLimits(table: () => RouteTable): (message: Message) => boolean {
  return (message) => {
    const routes = table();
    if (!routes.hasLimits) return true;
    const { attributes, payload } = message;
    const route = routes.routeOf(attributes.mqtt_topic ?? '');
    const limits = route?.limits;
    if (limits === undefined) return true;
    const { minBytes, maxBytes = Number.POSITIVE_INFINITY, outside } = limits;
    const size = payload.byteLength;
    if (size >= minBytes && size <= maxBytes) return true;
    if (outside === 'drop') return false;
    const [reason, limit] =
      size < minBytes
        ? (['too_small', `minBytes (${minBytes})`] as const)
        : (['too_large', `maxBytes (${maxBytes})`] as const);
    throw new PoisonError(reason, `the payload has ${size} bytes, outside routes.${route?.name}.payload.${limit}`);
  };
}
