import type { IPublishPacket, MqttClient, StreamBuilder } from 'mqtt';
import { ownCopy } from '../../../util/bytes.ts';
import { NO_PROPERTIES, type ReadProperties, type UserProperty } from './publish-properties.ts';
import { PublishReader, type ReceivedPublish } from './publish-reader.ts';

/** Private members that every client has. */
interface OpenedClient {
  streamBuilder: StreamBuilder;
}

/**
 * Sends a client's messages to `onPublish`, bypassing MQTT.js, which still handles the rest of the protocol:
 * connecting, subscribing, pings and refused packets. Must be called before the client connects; taps every connection.
 *
 * MQTT.js has no public access to its bytes: it creates a stream and pipes it to its parser. The reader sits in
 * between. The client's events `message` and `packetreceive` no longer report these messages, and neither does
 * `customHandleAcks`. A client that allows topic aliases is left unchanged, because MQTT.js resolves them.
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
            // Packets after one that MQTT.js has refused are resent over the next stream, in order.
            if (client.stream === stream && !stream.destroyed) onPublish(packet, resume);
            else resume();
          },
          onProgress: pingNowAndThen(client),
          // Later packets wait until MQTT.js has read this one, as with its own parser.
          onOther: (bytes, resume) => parser.write(bytes, resume),
          // MQTT.js reports the problem, but would then continue in the middle of the data.
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
 * Sends pings while a large message arrives, three times per keepalive. The PINGRESP is queued after the message, and
 * MQTT.js would take the delay for a dead connection and close it, so that the message would be resent forever.
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

/** Converts a packet parsed by MQTT.js to the same shape. */
export function asReceived({
  topic,
  payload,
  qos,
  messageId = 0,
  dup,
  retain,
  properties,
}: IPublishPacket): ReceivedPublish {
  // MQTT.js provides a view of a socket chunk.
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : ownCopy(payload);
  // MQTT.js acknowledges QoS 2.
  const packetId = qos === 1 ? messageId : 0;
  const byteLength = bytes.length + Buffer.byteLength(topic);
  return { topic, payload: bytes, packetId, dup, retain, ...parsedProperties(properties), byteLength };
}

/** Converts properties parsed by MQTT.js, which keeps the order of values within a name, but not of names. */
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
