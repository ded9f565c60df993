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
    'Identity of the session at the broker: stable across restarts and different for each replica. Two ' +
      'processes with the same id disconnect each other.',
    { example: 'ingestion-0' },
  ),
  shareGroup: setting(
    v.optional(v.pipe(v.string(), v.regex(/^[^/+#\0]*$/, 'expected a name without "/", "+" and "#"'))),
    'Group of replicas that share the messages through shared subscriptions (`$share/<group>/…`). These ' +
      'messages have no order. A message assigned to a replica waits for its `clientId`, so each ' +
      'replica needs its own stable id, such as the host name of a pod in a StatefulSet.',
    { example: 'replicas', unset: 'not shared' },
  ),
  connectionPerProducer: setting(
    v.optional(flag, false),
    'Receives the routes of each producer over a separate connection, with the client id ' +
      '`<clientId>-<producer>` and its own `maxInFlight` and `maxInFlightBytes`, so that a failing topic ' +
      'does not stall the others. A session with another client id keeps its messages: change this setting only when ' +
      'the broker holds no messages.',
  ),
  protocolVersion: setting(v.optional(oneOf([4, 5]), 5), '4 is MQTT 3.1.1.'),
  username: setting(v.optional(text), 'User at the broker. Takes precedence over the one in the address.', {
    example: 'ingestion',
  }),
  password: setting(v.optional(secret), 'Password at the broker. Takes precedence over the one in the address.', {
    example: 'secret',
  }),
  passwordFile: setting(
    v.optional(readableFile),
    'File with the password, instead of `password`. It is read for each connection, without trailing ' + 'line breaks.',
    { example: '/run/secrets/mqtt' },
  ),
  tls: v.optional(
    v.strictObject({
      caFile: setting(
        v.optional(readableFile),
        'PEM file of the certificate authorities for the broker, read for each connection.',
        { example: '/etc/mqtt/ca.pem', unset: "Node's certificate authorities" },
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
    'Converts MQTT 5 properties to attributes of the message. Those that Pub/Sub does not accept are omitted and ' +
      'counted (`mqtt.properties_left_out`). See [wire formats](wire-formats.md#mqtt-5-properties).',
  ),
  keepAliveSeconds: setting(v.optional(count({ max: 65_535 }), 60), 'MQTT keepalive.'),
  connectTimeoutMs: setting(v.optional(milliseconds({ min: 100 }), 10_000), 'Time limit of one attempt to connect.'),
  reconnectMinMs: setting(
    v.optional(milliseconds({ min: 10 }), 1_000),
    'First wait before reconnecting. It doubles with each attempt, with jitter; a connection that lasts 2 s ' +
      'resets it.',
  ),
  reconnectMaxMs: setting(v.optional(milliseconds({ min: 10 }), 120_000), 'Longest wait before reconnecting.'),
  sessionExpirySeconds: setting(
    v.optional(count({ min: 0, max: 4_294_967_295 }), 604_800),
    'Time for which the broker keeps the session while the client is disconnected (MQTT 5).',
  ),
  retained: setting(
    v.optional(v.picklist(['new', 'always', 'never']), 'new'),
    'Retained messages to receive: `new` (those of a filter that the session did not have), `always` ' +
      '(all of them on each connection, as new messages; not with `shareGroup`), or `never`. They have the ' +
      'attribute `mqtt_retained`. MQTT 3.1.1 brokers send all of them on each connection; `new` omits them if ' +
      'the session resumes, including those of a route that was added while the service was stopped.',
  ),
  formerFilters: setting(
    v.optional(v.array(topicFilter), []),
    'Filters of earlier configurations, as they were subscribed, that the session may still have. They are ' +
      'unsubscribed once the current ones are subscribed. Edits of a running service need no entry, ' +
      'nor does the filter of a route from before `shareGroup` was set.',
    { example: ['old/+/readings'] },
  ),
  decommission: setting(
    v.optional(flag, false),
    'For the last run of a replica that is removed: unsubscribes the filters of its routes instead of subscribing ' +
      'them, and delivers what its session still has. See [deploying](deploying.md#decommissioning).',
  ),
  maxFiltersPerSubscribe: setting(
    v.optional(count({ max: 10_000 }), 8),
    'Filters in one SUBSCRIBE or UNSUBSCRIBE. Some brokers hang up on more: AWS IoT Core takes eight. A ' +
      'SUBSCRIBE has one filter if the broker supports subscription identifiers (MQTT 5).',
  ),
  ackOrder: setting(
    v.optional(v.picklist(['strict', 'asCompleted']), 'strict'),
    'Order of PUBACKs: `strict` (the order of receipt, as MQTT-4.6.0-2 requires) or `asCompleted` (one slow ' +
      'message does not delay the others; mosquitto and others accept it).',
  ),
  maxInFlight: setting(
    v.optional(count({ max: 65_535 }), 5_000),
    'The most messages that are unsettled or owe a PUBACK. A crash repeats at most this many. It is also ' +
      'the Receive Maximum of MQTT 5; if a broker ignores it, the service stops reading.',
  ),
  maxInFlightBytes: setting(
    v.optional(bytes(), 128 * 1024 * 1024),
    'The most unsettled bytes. At this limit, the connection is paused.',
  ),
  maxPayloadBytes: setting(
    v.optional(bytes({ max: LARGEST_PACKET_BYTES }), 16 * 1024 * 1024),
    'Payload size beyond which the rest is not buffered. Such a message is dead-lettered (`too_large`) with ' +
      'its topic, size, SHA-256 and this many of its first bytes. Pub/Sub accepts 10 MB; a higher limit keeps larger ' +
      'originals whole in `deadLetters.bucket`, and each takes about five times its size in memory.',
  ),
  maximumPacketSize: setting(
    v.optional(bytes({ max: LARGEST_PACKET_BYTES })),
    'Maximum Packet Size announced to the broker (MQTT 5). **It loses messages**: the broker drops ' +
      'larger ones and acknowledges them to their publisher.',
    { example: 1_048_576, unset: 'not announced: all messages arrive' },
  ),
});

/** Settings of the connection to an MQTT broker. */
export const mqttSourceSchema = v.pipe(
  settings,
  v.forward(
    v.check(
      ({ protocolVersion, maximumPacketSize }) => protocolVersion === 5 || maximumPacketSize === undefined,
      'MQTT 3.1.1 has no such limit: omit it, or set mqtt.protocolVersion to 5',
    ),
    ['maximumPacketSize'],
  ),
  v.forward(
    v.check(
      ({ password, passwordFile }) => password === undefined || passwordFile === undefined,
      'mqtt.password is set too: remove one of them',
    ),
    ['passwordFile'],
  ),
  v.forward(
    v.check(
      ({ retained, shareGroup }) => retained !== 'always' || shareGroup === undefined || shareGroup === '',
      'brokers send no retained messages to shared subscriptions: remove mqtt.shareGroup, or use new or never',
    ),
    ['retained'],
  ),
);

export type MqttSourceConfig = v.InferOutput<typeof mqttSourceSchema>;
