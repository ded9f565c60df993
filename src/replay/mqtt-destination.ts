import { randomBytes } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import { defer, firstValueFrom } from 'rxjs';
import { createMqttClient, type MqttConnectionConfig, renewFiles } from '../clients/mqtt.ts';
import { PoisonError, RetryableError, toError } from '../core/errors.ts';
import { failAfter } from '../operators/fail-after.ts';
import type { Destination } from './destination.ts';

const PUBLISH_TIMEOUT_MS = 30_000;
/** MQTT 5, PUBACK: the broker took the message, and nobody is subscribed. */
const NO_MATCHING_SUBSCRIBERS = 0x10;

/**
 * Publishes originals at QoS 1 to the topic that each came from, over the broker of the pipeline, under a client id and
 * a session of its own that end with it.
 */
export async function mqttDestination(config: MqttConnectionConfig): Promise<Destination> {
  const clientId = `replay-${randomBytes(6).toString('hex')}`;
  const client = createMqttClient({ ...config, clientId, sessionExpirySeconds: 0 }, { clean: true });
  // The promise of a publish knows its packet id, and not the reason code of its PUBACK: that passes here just before.
  const unheard = new Set<number | undefined>();
  client.on('packetreceive', (packet) => {
    if (packet.cmd === 'puback' && packet.reasonCode === NO_MATCHING_SUBSCRIBERS) unheard.add(packet.messageId);
  });
  await connected(client, config);
  return {
    description:
      'the broker, each to the topic that it came from; every other subscriber of these topics gets them too',
    async send({ data, attributes }) {
      const topic = attributes.mqtt_topic;
      if (topic === undefined || topic === '') throw new PoisonError('unroutable', 'it has no attribute mqtt_topic');
      const payload = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const published = defer(() => client.publishAsync(topic, payload, { qos: 1 }));
      const packet = await firstValueFrom(published.pipe(failAfter(PUBLISH_TIMEOUT_MS, `publishing to ${topic}`)));
      if (unheard.delete(packet?.messageId)) {
        throw new PoisonError('unroutable', `nobody is subscribed to ${topic}: the broker would drop it`);
      }
    },
    close: () => ended(client),
  };
}

/** The first connection must succeed; later MQTT.js reconnects by itself, and sends again what was not confirmed. */
async function connected(client: MqttClient, config: MqttConnectionConfig): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  client.once('connect', () => {
    Object.assign(client.options, { reconnectPeriod: config.reconnectMinMs, reconnectOnConnackError: true });
    resolve();
  });
  client.on('reconnect', () => {
    try {
      renewFiles(client, config);
    } catch {
      // The files that it has may do; if not, the next attempt reads them again.
    }
  });
  client.on('error', (error) => reject(error));
  client.on('close', () => reject(new Error('the broker closed the connection')));
  client.connect();
  try {
    await promise;
  } catch (thrown) {
    await ended(client);
    throw new RetryableError(`mqtt.url: ${toError(thrown).message}`, { cause: thrown });
  }
}

/** The stream closes only after its end, and MQTT.js 5.16 would then reconnect. */
async function ended(client: MqttClient): Promise<void> {
  client.options.reconnectPeriod = 0;
  await client.endAsync(true);
}
