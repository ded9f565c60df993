import type { v1 } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import { deviceName, envelopeOf, payloadOf } from './reading.ts';

export interface Load {
  readonly messages: number;
  readonly size: number;
  readonly devices: number;
  /** Messages per second. Default: as fast as possible. */
  readonly rate?: number | undefined;
  /** Number of ordering keys. Default: none. */
  readonly orderingKeys?: number | undefined;
  /** Number of locations, which are batch keys of icestore. Default: one. */
  readonly locations?: number | undefined;
  /** Gives each device its own topic. */
  readonly hasTopicPerDevice?: boolean | undefined;
  /** Creates messages that cannot be decoded. */
  readonly isPoison?: boolean | undefined;
}

const BATCH = 1_000;
const SLICE_MS = 5;
const WINDOW = 2_000;

/** Publishes to a topic, in requests of at most a thousand. */
export async function fillTopic(
  publisher: v1.PublisherClient,
  topic: string,
  { messages, size, devices, rate, orderingKeys, locations, isPoison = false }: Load,
): Promise<void> {
  const started = performance.now();
  const calls = new Set<Promise<unknown>>();
  for (let sent = 0; sent < messages; ) {
    const due = rate === undefined ? messages : ((performance.now() - started) / 1_000) * rate;
    const count = Math.min(BATCH, messages - sent, Math.floor(due - sent));
    if (count <= 0) {
      await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
      continue;
    }
    const batch = Array.from({ length: count }, (_, offset) => {
      const index = sent + offset;
      return {
        data: isPoison
          ? Buffer.alloc(size, '!')
          : envelopeOf(index, devices, payloadOf(index, devices, size), locations),
        attributes: { kind: 'reading' },
        key: orderingKeys === undefined ? '' : `key-${index % orderingKeys}`,
      };
    });
    for (const [orderingKey, own] of Map.groupBy(batch, ({ key }) => key)) {
      const call = publisher.publish({
        topic,
        messages: own.map(({ data, attributes }) => ({ data, attributes, orderingKey })),
      });
      calls.add(call);
      void call.then(() => calls.delete(call));
    }
    sent += count;
    // A publisher that falls behind sends larger batches from then on, not more of them.
    if (calls.size >= (rate === undefined ? 4 : 16)) await Promise.race(calls);
  }
  await Promise.all(calls);
}

/** Publishes to a broker with QoS 1, and returns when it has confirmed all messages. */
export async function fillBroker(
  url: string,
  mqttTopic: string,
  { messages, size, devices, rate, hasTopicPerDevice = false }: Load,
): Promise<void> {
  const client = await connectAsync(url);
  const started = performance.now();
  let confirmed = 0;
  let wake = () => {};
  for (let sent = 0; sent < messages; ) {
    const due = rate === undefined ? messages : ((performance.now() - started) / 1_000) * rate;
    while (sent < Math.min(messages, due) && sent - confirmed < WINDOW) {
      const topic = hasTopicPerDevice ? mqttTopic.replace('/device/', `/${deviceName(sent % devices)}/`) : mqttTopic;
      client.publish(topic, payloadOf(sent, devices, size), { qos: 1 }, () => {
        confirmed += 1;
        wake();
      });
      sent += 1;
    }
    if (sent - confirmed >= WINDOW) await new Promise<void>((resolve) => (wake = resolve));
    else await new Promise((resolve) => setTimeout(resolve, rate === undefined ? 0 : SLICE_MS));
  }
  while (confirmed < messages) await new Promise<void>((resolve) => (wake = resolve));
  await client.endAsync();
}
