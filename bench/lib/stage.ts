import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Firestore } from '@google-cloud/firestore';
import { Redis } from 'ioredis';
import { connectAsync } from 'mqtt';
import { createPubSubClients } from '../../src/clients/pubsub.ts';
import { type Child, startChild } from '../../src/testing/child.ts';
import { startMosquitto } from '../../src/testing/mosquitto.ts';
import { deviceName, envelopeOf, payloadOf, recordOf } from './reading.ts';
import { namesOf } from './task.ts';

/** Servers that subjects speak to, each in a process of its own, and what it takes to feed them. */
export interface Stage {
  readonly projectId: string;
  readonly env: Readonly<Record<string, string>>;
  /** CPU time of each server process so far, in seconds. */
  cpuSeconds(): Record<string, number>;
  /** Topics, a subscription, a session at the broker and device records, under a new run id. */
  newRun(devices: number, service: string): Promise<string>;
  /** Publishes messages for that run, and returns when they wait for a consumer. */
  fill(runId: string, service: string, load: Load): Promise<void>;
  endRun(runId: string, service: string): Promise<void>;
  close(): Promise<void>;
}

export interface Load {
  readonly messages: number;
  readonly size: number;
  readonly devices: number;
  /** Messages a second; as fast as it goes if left out. */
  readonly rate?: number | undefined;
  /** Ordering keys; none if left out. */
  readonly orderingKeys?: number | undefined;
  /** Locations, which are batch keys of icestore; one if left out. */
  readonly locations?: number | undefined;
}

const BATCH = 1_000;
const SLICE_MS = 5;
const WINDOW = 2_000;
/** Linux counts CPU time in hundredths of a second. */
const TICKS_PER_SECOND = 100;

/** Starts Pub/Sub, the other clouds, Redis and a broker, in processes of their own. */
export async function openStage(): Promise<Stage> {
  const servers = join(import.meta.dirname, 'servers.ts');
  const env: Record<string, string> = { METADATA_SERVER_DETECTION: 'none' };
  const children: Record<string, Child> = {};
  for (const [name, parts] of [
    ['pubsub', 'pubsub'],
    ['cloud', 'firestore,storage,bigquery'],
    ['redis', 'redis'],
  ] as const) {
    const child = await startChild(process.execPath, [servers, parts], { readyWhen: /\}\n/ });
    Object.assign(env, JSON.parse(child.stdout.split('\n')[0] ?? '{}'));
    children[name] = child;
  }
  const broker = await startMosquitto(['max_inflight_messages 0']);
  env.MQTT_URL = broker.url;
  Object.assign(process.env, env);
  const projectId = env.GOOGLE_CLOUD_PROJECT ?? 'sandbox';
  const { publisher, subscriber, close } = await createPubSubClients({ projectId });
  const firestore = new Firestore({ projectId });
  const redis = new Redis(env.REDIS_URL ?? '', { lazyConnect: true });

  const fillTopic = async (
    runId: string,
    { messages, size, devices, rate, orderingKeys, locations }: Load,
  ): Promise<void> => {
    const topic = publisher.projectTopicsPath(projectId, namesOf({ runId, projectId }).input);
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
          data: envelopeOf(index, devices, payloadOf(index, devices, size), locations),
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
      // Whoever falls behind sends larger batches from then on, not more of them.
      if (calls.size >= (rate === undefined ? 4 : 16)) await Promise.race(calls);
    }
    await Promise.all(calls);
  };

  const fillBroker = async (runId: string, { messages, size, devices, rate }: Load): Promise<void> => {
    const { mqttTopic } = namesOf({ runId, projectId });
    const client = await connectAsync(broker.url, { clientId: `load-${runId}` });
    const started = performance.now();
    let confirmed = 0;
    let wake = () => {};
    for (let sent = 0; sent < messages; ) {
      const due = rate === undefined ? messages : ((performance.now() - started) / 1_000) * rate;
      while (sent < Math.min(messages, due) && sent - confirmed < WINDOW) {
        client.publish(mqttTopic, payloadOf(sent, devices, size), { qos: 1 }, () => {
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
  };

  return {
    projectId,
    env,
    cpuSeconds: () => ({
      ...Object.fromEntries(Object.entries(children).map(([name, { pid }]) => [name, cpuSecondsOf(pid)])),
      mosquitto: cpuSecondsOf(broker.pid),
    }),
    newRun: async (devices, service) => {
      const runId = randomBytes(4).toString('hex');
      const names = namesOf({ runId, projectId });
      for (const name of [names.input, names.output, names.deadLetters]) {
        await publisher.createTopic({ name: publisher.projectTopicsPath(projectId, name) });
      }
      await subscriber.createSubscription({
        name: subscriber.subscriptionPath(projectId, names.deadLetters),
        topic: publisher.projectTopicsPath(projectId, names.deadLetters),
      });
      await subscriber.createSubscription({
        name: subscriber.subscriptionPath(projectId, names.subscription),
        topic: publisher.projectTopicsPath(projectId, names.input),
        ackDeadlineSeconds: 600,
        enableMessageOrdering: true,
      });
      if (service === 'ingestion') {
        const session = await connectAsync(broker.url, {
          clientId: names.clientId,
          protocolVersion: 5,
          clean: false,
          properties: { sessionExpiryInterval: 3_600 },
        });
        await session.subscribeAsync(`bench-${runId}/+/devices/+/readings`, { qos: 1 });
        await session.endAsync();
      }
      if (service === 'enrich') {
        const writer = firestore.bulkWriter();
        const values: string[] = [];
        for (let index = 0; index < devices; index += 1) {
          void writer.set(firestore.collection(names.collection).doc(deviceName(index)), recordOf(index));
          values.push(`${runId}:${deviceName(index)}`, JSON.stringify(recordOf(index)));
        }
        await writer.close();
        await redis.mset(...values);
      }
      return runId;
    },
    fill: (runId, service, load) => (service === 'ingestion' ? fillBroker(runId, load) : fillTopic(runId, load)),
    endRun: async (runId, service) => {
      const names = namesOf({ runId, projectId });
      for (const name of [names.subscription, names.deadLetters]) {
        await subscriber.deleteSubscription({ subscription: subscriber.subscriptionPath(projectId, name) });
      }
      for (const name of [names.input, names.output, names.deadLetters]) {
        await publisher.deleteTopic({ topic: publisher.projectTopicsPath(projectId, name) });
      }
      if (service !== 'ingestion') return;
      const session = await connectAsync(broker.url, { clientId: names.clientId, protocolVersion: 5, clean: true });
      await session.endAsync();
    },
    close: async () => {
      redis.disconnect();
      await firestore.terminate();
      await close();
      await Promise.all(Object.values(children).map((child) => child.end()));
      await broker.close();
    },
  };
}

/** User and system time of a process so far; of Linux alone. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [, , , , , , , , , , , utime = '0', stime = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(utime) + Number(stime)) / TICKS_PER_SECOND;
}
