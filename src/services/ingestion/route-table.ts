import type { MqttSubscription } from '../../connectors/mqtt/subscriptions.ts';
import { filterCovers, matchableFilter, topicMatches } from '../../connectors/mqtt/topic-filter.ts';
import { type OrderingKey, orderingKeyBy } from '../../connectors/pubsub/ordering-key.ts';
import type { Attributes, EnrichmentData } from '../../core/message.ts';
import { memoize } from '../../util/memoize.ts';
import { deviceTopic, namesLevels } from './device-topic.ts';
import { standardJsonHead } from './enrichers.ts';
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
