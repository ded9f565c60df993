import * as v from 'valibot';
import { bytes, count, flag, milliseconds, oneOf, readableFile, secret, text } from '../../config/schemas.ts';
import { topicFilterProblem } from './topic-filter.ts';

/** An MQTT topic filter. */
export const topicFilter = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? topicFilterProblem(dataset.value) : undefined;
    if (problem !== undefined) addIssue({ message: problem });
  }),
);

const brokerUrl = v.pipe(
  v.string(),
  v.check((url) => {
    try {
      return ['mqtt:', 'mqtts:', 'tcp:', 'ssl:', 'tls:', 'ws:', 'wss:'].includes(new URL(url).protocol);
    } catch {
      return false;
    }
  }, 'expected an address such as mqtt://host:1883, mqtts://host:8883, ws://host/path or wss://host/path'),
);

/** What the four bytes of a packet's length can say: MQTT-2.1.4. */
const LARGEST_PACKET_BYTES = 268_435_460;

const settings = v.strictObject({
  url: brokerUrl,
  /**
   * Identity of the session at the broker: stable across restarts, and never shared by two processes, or the broker
   * lets them evict each other. Replicas need a name and an ordinal, for example `ingestion-${ORDINAL}`.
   */
  clientId: text,
  /**
   * Receives every route as a shared subscription (`$share/<group>/…`): replicas with the same group share the messages,
   * each of which goes to one of them. The order of a device's messages is then the broker's affair, and it keeps none.
   *
   * The trap: what a broker has handed to a replica that is gone waits for that replica, and for no other (measured on
   * mosquitto, even after the session had expired). So each replica needs a `clientId` of its own that it comes back
   * under: a name and an ordinal, such as the host name of a StatefulSet's pod. Empty: not shared.
   */
  shareGroup: v.optional(v.pipe(v.string(), v.regex(/^[^/+#\0]*$/, 'expected a name without "/", "+" and "#"'))),
  /**
   * Receives the routes of each producer over a connection of its own, whose client id is `clientId`, `-` and the
   * producer's name, with `maxInFlight` and `maxInFlightBytes` of its own: a topic that fails then stalls no other.
   * MQTT cannot give messages back, so over one connection they fill what may be in flight. What a session under another
   * client id still holds comes only when that id connects again: change this setting when the broker holds nothing.
   */
  connectionPerProducer: v.optional(flag, false),
  /** 4 is MQTT 3.1.1. */
  protocolVersion: v.optional(oneOf([4, 5]), 5),
  username: v.optional(text),
  password: v.optional(secret),
  /** The password, as Kubernetes and Docker mount secrets; a line break at its end is no part of it. Read for each connection. */
  passwordFile: v.optional(readableFile),
  tls: v.optional(
    v.strictObject({
      /** PEM files, read again for each connection: renewed ones count from the next on. */
      caFile: v.optional(readableFile),
      certFile: v.optional(readableFile),
      keyFile: v.optional(readableFile),
      /** Passphrase of an encrypted `keyFile`, read as `passwordFile` is. */
      keyPassphraseFile: v.optional(readableFile),
      /** Application protocols to offer (ALPN), for brokers behind a port that serves others too: `[mqtt]`. Not with `wss://`. */
      alpnProtocols: v.optional(v.pipe(v.array(text), v.minLength(1))),
      insecureSkipVerify: v.optional(flag, false),
    }),
  ),
  /**
   * Makes MQTT 5 properties attributes of the message: user properties under their names (a name that means something to
   * the platform gets the prefix `mqtt_user_`), and `mqtt_content_type`, `mqtt_response_topic` and
   * `mqtt_correlation_data` (base64). What Pub/Sub does not take is left out and counted
   * (`mqtt.properties_left_out`).
   */
  propertiesAsAttributes: v.optional(flag, true),
  keepAliveSeconds: v.optional(count({ max: 65_535 }), 60),
  connectTimeoutMs: v.optional(milliseconds({ min: 100 }), 10_000),
  /** Waits between two attempts to reconnect: doubling, with jitter. */
  reconnectMinMs: v.optional(milliseconds({ min: 10 }), 1_000),
  reconnectMaxMs: v.optional(milliseconds({ min: 10 }), 120_000),
  /** How long the broker keeps the session while nobody is connected (MQTT 5). */
  sessionExpirySeconds: v.optional(count({ min: 0, max: 4_294_967_295 }), 604_800),
  /**
   * Messages that the broker keeps, and sends to whoever subscribes. `new`: those of a filter that the session did not have.
   * `always`: all of them at each connection, each as a new message. `never`: none. They have the attribute
   * `mqtt_retained`.
   *
   * MQTT 3.1.1 brokers send all of them at each connection, and with `new` they are left out where the session goes on. What
   * was retained for a route that is added while the service is stopped, or while the broker had forgotten a subscription,
   * then comes only with `always`, or with MQTT 5.
   */
  retained: v.optional(v.picklist(['new', 'always', 'never']), 'new'),
  /**
   * Filters of earlier configurations, as they were subscribed (with `$share/<group>/` where they were shared): unsubscribed
   * once the present ones are subscribed. A session keeps them, and what matches an old and a new one arrives twice. Not
   * needed for edits of a running service, nor for a route's own filter after `shareGroup` was set.
   */
  formerFilters: v.optional(v.array(topicFilter), []),
  /**
   * Filters in one SUBSCRIBE or UNSUBSCRIBE. Some brokers hang up on more: AWS IoT Core takes eight. Where the broker
   * takes the subscription identifiers of MQTT 5, a SUBSCRIBE has one filter, so that each has an identifier.
   */
  maxFiltersPerSubscribe: v.optional(count({ max: 10_000 }), 8),
  /**
   * `strict`: PUBACKs in the order of receipt, as MQTT-4.6.0-2 demands. `asCompleted`: as messages are done, which
   * mosquitto and others accept; one slow message then holds nothing up.
   */
  ackOrder: v.optional(v.picklist(['strict', 'asCompleted']), 'strict'),
  /**
   * Messages that may be unsettled, or settled without their PUBACK, at one time; a crash repeats at most so many. It is
   * told to the broker as MQTT 5's Receive Maximum. A broker that has none (3.1.1) or does not keep to it (mosquitto
   * before 2.0.13) is held off by not reading on.
   */
  maxInFlight: v.optional(count({ max: 65_535 }), 5_000),
  /** Bytes that may be unsettled at one time; at this limit the connection is held. */
  maxInFlightBytes: v.optional(bytes(), 128 * 1024 * 1024),
  /**
   * A larger payload is not buffered: it goes to dead-letter (`too_large`) with its topic, its size, its SHA-256, and
   * so many of its first bytes. Pub/Sub takes at most 10 MB, so the default cuts nothing that could be delivered. More
   * keeps larger originals whole in `deadLetters.bucket`; each takes about five times its size in memory.
   */
  maxPayloadBytes: v.optional(bytes({ max: LARGEST_PACKET_BYTES }), 16 * 1024 * 1024),
  /**
   * Announced to the broker as MQTT 5's Maximum Packet Size. **It loses messages**: the broker drops larger ones,
   * acknowledges them to their publisher, and nobody hears of it. Left out: all of them come, and those that are too
   * large go to dead-letter.
   */
  maximumPacketSize: v.optional(bytes({ max: LARGEST_PACKET_BYTES })),
});

/** Settings of the connection to an MQTT broker. */
export const mqttSourceSchema = v.pipe(
  settings,
  v.forward(
    v.check(
      ({ protocolVersion, maximumPacketSize }) => protocolVersion === 5 || maximumPacketSize === undefined,
      'MQTT 3.1.1 has no such limit: leave it out, or use mqtt.protocolVersion 5',
    ),
    ['maximumPacketSize'],
  ),
  v.forward(
    v.check(
      ({ password, passwordFile }) => password === undefined || passwordFile === undefined,
      'there is a mqtt.password too: leave one out',
    ),
    ['passwordFile'],
  ),
  v.forward(
    v.check(
      ({ retained, shareGroup }) => retained !== 'always' || shareGroup === undefined || shareGroup === '',
      'brokers send no retained messages to shared subscriptions: leave out mqtt.shareGroup, or use new or never',
    ),
    ['retained'],
  ),
);

export type MqttSourceConfig = v.InferOutput<typeof mqttSourceSchema>;
