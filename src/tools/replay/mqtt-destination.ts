import { randomBytes } from 'node:crypto';
import { defer, firstValueFrom } from 'rxjs';
import type { MqttConnectionConfig } from '../../connectors/mqtt/client.ts';
import { closePublisher, connectPublisher, NO_MATCHING_SUBSCRIBERS } from '../../connectors/mqtt/publisher.ts';
import { FatalError, PoisonError, RetryableError, toError } from '../../core/errors.ts';
import { failAfter } from '../../operators/retry.ts';
import type { Destination } from './destination.ts';

const PUBLISH_TIMEOUT_MS = 30_000;

/**
 * Publishes originals at QoS 1 to their original topics, over the pipeline's broker, with a separate client id and a
 * session that ends with it.
 */
export async function mqttDestination(config: MqttConnectionConfig): Promise<Destination> {
  const clientId = `replay-${randomBytes(6).toString('hex')}`;
  const { client } = await connectPublisher({ ...config, clientId }).catch((thrown: unknown) => {
    if (thrown instanceof FatalError) throw thrown;
    throw new RetryableError(`mqtt.url: ${toError(thrown).message}`, { cause: thrown });
  });
  // The promise of a publish has its packet id, but not the reason code of its PUBACK, which arrives here just before.
  const unheard = new Set<number | undefined>();
  client.on('packetreceive', (packet) => {
    if (packet.cmd === 'puback' && packet.reasonCode === NO_MATCHING_SUBSCRIBERS) unheard.add(packet.messageId);
  });
  return {
    description: 'the broker, each to its original topic; every other subscriber of these topics gets them too',
    async send({ data, attributes }) {
      const topic = attributes.mqtt_topic;
      if (topic === undefined || topic === '') throw new PoisonError('unroutable', 'it has no attribute mqtt_topic');
      const payload = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const published = defer(() => client.publishAsync(topic, payload, { qos: 1 }));
      const packet = await firstValueFrom(published.pipe(failAfter(PUBLISH_TIMEOUT_MS, `publishing to ${topic}`)));
      if (unheard.delete(packet?.messageId)) {
        throw new PoisonError('unroutable', `${topic} has no subscribers: the broker would drop it`);
      }
    },
    close: () => closePublisher(client, { force: true }),
  };
}
