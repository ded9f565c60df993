import type { IPublishPacket, MqttClient, StreamBuilder } from 'mqtt';
import { ownCopy } from '../../../util/bytes.ts';
import { NO_PROPERTIES, type ReadProperties, type UserProperty } from './publish-properties.ts';
import { PublishReader, type ReceivedPublish } from './publish-reader.ts';

/** Private members that every client has. */
interface OpenedClient {
  streamBuilder: StreamBuilder;
}

/**
 * Lets the messages of a client go to `onPublish`, past MQTT.js, which keeps all else of the protocol: connecting,
 * subscribing, pings, and what it refuses. To be called before the client connects; every connection is tapped.
 *
 * MQTT.js has no public way to its bytes: it makes a stream, and pipes it to its parser. The reader stands between them.
 * So a client's events `message` and `packetreceive` do not tell of messages any more, nor are they given to its
 * `customHandleAcks`. A client that has allowed topic aliases is left alone: MQTT.js looks after them.
 */
export function tapPublishes(
  client: MqttClient,
  maxPayloadBytes: number,
  onPublish: (packet: ReceivedPublish, resume: () => void) => void,
): void {
  const { topicAliasMaximum = 0 } = client.options.properties ?? {};
  if (topicAliasMaximum > 0) return;
  const opened = client as unknown as OpenedClient;
  const buildStream = opened.streamBuilder;
  opened.streamBuilder = (self, options) => {
    const stream = buildStream(self, options);
    const pipe = stream.pipe.bind(stream);
    stream.pipe = <T extends NodeJS.WritableStream>(parser: T): T => {
      const reader = new PublishReader(
        { protocolVersion: client.options.protocolVersion ?? 4, maxPayloadBytes },
        {
          onPublish: (packet, resume) => {
            // What stands behind a packet that MQTT.js has refused comes again over the next stream, and in order.
            if (client.stream === stream && !stream.destroyed) onPublish(packet, resume);
            else resume();
          },
          onProgress: pingNowAndThen(client),
          // What follows waits until MQTT.js has read it, as its own parser would have it.
          onOther: (bytes, resume) => parser.write(bytes, resume),
          // MQTT.js says what is wrong, and would read on somewhere in the middle.
          onLost: (bytes) => parser.write(bytes, () => stream.destroy()),
        },
      );
      pipe(reader);
      return parser;
    };
    return stream;
  };
}

/**
 * Pings by hand while a large message comes, three times in a keepalive: the answer to a ping stands behind the message,
 * and MQTT.js takes what is late for a dead connection. It would break it off, and the message would come again forever.
 */
function pingNowAndThen(client: MqttClient): () => void {
  let pingedAt = performance.now();
  return () => {
    const now = performance.now();
    if (now - pingedAt < (client.keepalive * 1_000) / 3 || !client.connected) return;
    pingedAt = now;
    client.sendPing();
    client.reschedulePing(true);
  };
}

/** Converts a packet that MQTT.js has read to the same shape. */
export function asReceived({
  topic,
  payload,
  qos,
  messageId = 0,
  dup,
  retain,
  properties,
}: IPublishPacket): ReceivedPublish {
  // MQTT.js gives a view of a chunk of the socket.
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : ownCopy(payload);
  // QoS 2 is acknowledged by MQTT.js.
  const packetId = qos === 1 ? messageId : 0;
  const byteLength = bytes.length + Buffer.byteLength(topic);
  return { topic, payload: bytes, packetId, dup, retain, ...parsedProperties(properties), byteLength };
}

/** Properties that MQTT.js has read: of user properties it keeps no order but that of one name's values. */
function parsedProperties(properties: IPublishPacket['properties']): ReadProperties {
  if (properties === undefined) return NO_PROPERTIES;
  const { subscriptionIdentifier = [], userProperties = {}, correlationData, topicAlias: _, ...others } = properties;
  const subscriptionIds = [subscriptionIdentifier].flat();
  if (Object.keys(properties).every((name) => name === 'subscriptionIdentifier' || name === 'topicAlias'))
    return { subscriptionIds, properties: undefined };
  return {
    subscriptionIds,
    properties: {
      ...others,
      ...(correlationData === undefined ? {} : { correlationData: ownCopy(correlationData) }),
      userProperties: Object.entries(userProperties).flatMap(([name, values]) =>
        [values].flat().map((value): UserProperty => [name, value]),
      ),
    },
  };
}
