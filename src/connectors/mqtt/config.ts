import * as v from 'valibot';
import { bytes, count, flag, milliseconds, oneOf, readableFile, secret, setting, text } from '../../config/schemas.ts';
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

/** The largest length that fits in four bytes: MQTT-2.1.4. */
const LARGEST_PACKET_BYTES = 268_435_460;

const settings = v.strictObject({
  url: setting(brokerUrl, 'Address of the broker: `mqtt://`, `mqtts://`, `ws://` or `wss://`.', {
    example: 'mqtts://broker.example.com:8883',
  }),
  clientId: setting(
    text,
    'Identity of the session at the broker: stable across restarts, and different for each replica. Two ' +
      'processes with one id evict each other.',
    { example: 'ingestion-0' },
  ),
  shareGroup: setting(
    v.optional(v.pipe(v.string(), v.regex(/^[^/+#\0]*$/, 'expected a name without "/", "+" and "#"'))),
    'Group of replicas that share the messages, by shared subscriptions (`$share/<group>/…`). Such messages ' +
      'have no order. A message handed to a replica waits for its `clientId` and goes to no other, so each ' +
      'replica comes back under an id of its own, such as the host name of a pod of a StatefulSet.',
    { example: 'replicas', unset: 'not shared' },
  ),
  connectionPerProducer: setting(
    v.optional(flag, false),
    'Receives the routes of each producer over a connection of its own, with the client id ' +
      '`<clientId>-<producer>` and with `maxInFlight` and `maxInFlightBytes` of its own, so that a topic that ' +
      'fails stalls no other. A session under another client id keeps what it holds: change this setting when ' +
      'the broker holds nothing.',
  ),
  protocolVersion: setting(v.optional(oneOf([4, 5]), 5), '4 is MQTT 3.1.1.'),
  username: setting(v.optional(text), 'User at the broker. It goes before that of the address.', {
    example: 'ingestion',
  }),
  password: setting(v.optional(secret), 'Password at the broker. It goes before that of the address.', {
    example: 'secret',
  }),
  passwordFile: setting(
    v.optional(readableFile),
    'File with the password, in place of `password`. It is read for each connection, without line breaks at ' +
      'its end.',
    { example: '/run/secrets/mqtt' },
  ),
  tls: v.optional(
    v.strictObject({
      caFile: setting(
        v.optional(readableFile),
        'PEM file of the authorities that vouch for the broker, read for each connection.',
        { example: '/etc/mqtt/ca.pem', unset: 'the authorities of Node' },
      ),
      certFile: setting(v.optional(readableFile), 'PEM file of the client certificate, read for each connection.', {
        example: '/etc/mqtt/client.pem',
      }),
      keyFile: setting(v.optional(readableFile), 'PEM file of the client key, read for each connection.', {
        example: '/etc/mqtt/client.key',
      }),
      keyPassphraseFile: setting(
        v.optional(readableFile),
        'File with the passphrase of an encrypted `keyFile`, read for each connection.',
        { example: '/run/secrets/passphrase' },
      ),
      alpnProtocols: setting(
        v.optional(v.pipe(v.array(text), v.minLength(1))),
        'Application protocols to offer (ALPN), for brokers behind a shared port. Not with `wss://`.',
        { example: ['mqtt'] },
      ),
      insecureSkipVerify: setting(v.optional(flag, false), 'Accepts any certificate. For tests only.'),
    }),
  ),
  propertiesAsAttributes: setting(
    v.optional(flag, true),
    'Makes MQTT 5 properties attributes of the message. Those that Pub/Sub does not take are left out and ' +
      'counted (`mqtt.properties_left_out`). See [wire formats](wire-formats.md#mqtt-5-properties).',
  ),
  keepAliveSeconds: setting(v.optional(count({ max: 65_535 }), 60), 'Keepalive of MQTT.'),
  connectTimeoutMs: setting(v.optional(milliseconds({ min: 100 }), 10_000), 'Time limit of one attempt to connect.'),
  reconnectMinMs: setting(
    v.optional(milliseconds({ min: 10 }), 1_000),
    'First wait before reconnecting. It doubles with each attempt, with jitter; a connection that lasts 2 s ' +
      'resets it.',
  ),
  reconnectMaxMs: setting(v.optional(milliseconds({ min: 10 }), 120_000), 'Longest wait before reconnecting.'),
  sessionExpirySeconds: setting(
    v.optional(count({ min: 0, max: 4_294_967_295 }), 604_800),
    'Time for which the broker keeps the session while the client is away (MQTT 5).',
  ),
  retained: setting(
    v.optional(v.picklist(['new', 'always', 'never']), 'new'),
    'Retained messages that are received: `new` (those of a filter that the session did not have), `always` ' +
      '(all at each connection, each as a new message; not with `shareGroup`), or `never`. They have the ' +
      'attribute `mqtt_retained`. MQTT 3.1.1 brokers send all at each connection; `new` leaves them out where ' +
      'the session goes on, also those of a route that is added while the service is stopped.',
  ),
  formerFilters: setting(
    v.optional(v.array(topicFilter), []),
    'Filters of earlier configurations, as they were subscribed, that the session may still hold. They are ' +
      'unsubscribed once the present ones are subscribed. Edits of a running service need no entry, ' +
      'nor does the filter of a route from before `shareGroup` was set.',
    { example: ['old/+/readings'] },
  ),
  maxFiltersPerSubscribe: setting(
    v.optional(count({ max: 10_000 }), 8),
    'Filters in one SUBSCRIBE or UNSUBSCRIBE. Some brokers hang up on more: AWS IoT Core takes eight. A ' +
      'SUBSCRIBE has one filter where the broker takes subscription identifiers (MQTT 5).',
  ),
  ackOrder: setting(
    v.optional(v.picklist(['strict', 'asCompleted']), 'strict'),
    'Order of PUBACKs: `strict` (the order of receipt, as MQTT-4.6.0-2 demands) or `asCompleted` (one slow ' +
      'message holds up no other; mosquitto and others accept it).',
  ),
  maxInFlight: setting(
    v.optional(count({ max: 65_535 }), 5_000),
    'Messages that are unsettled or owe a PUBACK at one time. A crash repeats at most this many. It is also ' +
      'the Receive Maximum of MQTT 5; a broker that ignores it is held off by not reading on.',
  ),
  maxInFlightBytes: setting(
    v.optional(bytes(), 128 * 1024 * 1024),
    'Bytes that may be unsettled at one time. At this limit the connection is held.',
  ),
  maxPayloadBytes: setting(
    v.optional(bytes({ max: LARGEST_PACKET_BYTES }), 16 * 1024 * 1024),
    'Payload size beyond which the rest is not buffered. Such a message is dead-lettered (`too_large`) with ' +
      'its topic, size, SHA-256 and this many of its first bytes. Pub/Sub takes 10 MB; more keeps larger ' +
      'originals whole in `deadLetters.bucket`, and each takes about five times its size in memory.',
  ),
  maximumPacketSize: setting(
    v.optional(bytes({ max: LARGEST_PACKET_BYTES })),
    'Maximum Packet Size that is announced to the broker (MQTT 5). **It loses messages**: the broker drops ' +
      'larger ones and acknowledges them to their publisher.',
    { example: 1_048_576, unset: 'not announced: all messages come' },
  ),
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
