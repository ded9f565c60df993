import type { MqttClient, StreamBuilder } from 'mqtt';
import { PublishReader, type ReceivedPublish } from './publish-reader.ts';

/** What is private in its types, and what every client has. */
interface OpenedClient {
  streamBuilder: StreamBuilder;
}

/**
 * Lets the messages of a client go to `onPublish`, past MQTT.js, which keeps all else of the protocol: connecting,
 * subscribing, pings, and what it must refuse. To be called before the client connects; every connection is tapped.
 *
 * MQTT.js has no public way to its bytes: it makes a stream, and pipes it to its parser. The reader stands between them.
 * A client that has allowed topic aliases is left alone: they are a state of MQTT.js.
 */
export function tapPublishes(client: MqttClient, onPublish: (packet: ReceivedPublish, goOn: () => void) => void): void {
  if (client.options.properties?.topicAliasMaximum) return;
  const opened = client as unknown as OpenedClient;
  const buildStream = opened.streamBuilder;
  opened.streamBuilder = (self, options) => {
    const stream = buildStream(self, options);
    const pipe = stream.pipe.bind(stream);
    stream.pipe = (parser: NodeJS.WritableStream) => {
      const reader = new PublishReader(client.options.protocolVersion ?? 4, {
        onPublish: (packet, goOn) => {
          // Another stream has taken its place: its messages come again over that one.
          if (client.stream === stream) onPublish(packet, goOn);
        },
        // What follows waits until MQTT.js has read it, as its own parser would have it.
        onOther: (bytes, goOn) => parser.write(bytes, goOn),
      });
      pipe(reader);
      // biome-ignore lint/suspicious/noExplicitAny: what MQTT.js pipes to is returned as it came
      return parser as any;
    };
    return stream;
  };
}
