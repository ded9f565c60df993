import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Firestore } from '@google-cloud/firestore';
import { Redis } from 'ioredis';
import { connectAsync } from 'mqtt';
import * as v from 'valibot';
import { createPubSubClients } from '../../src/connectors/pubsub/client.ts';
import type { FaultRule } from '../../src/sandbox/faults/fault-rule.ts';
import { type Child, startChild } from '../../src/testing/child.ts';
import { startMosquitto } from '../../src/testing/mosquitto.ts';
import { defaultBigQuery, defaultStorage } from './clients.ts';
import { cpuSecondsOf } from './cpu.ts';
import { fillBroker, fillTopic, type Load } from './load.ts';
import { deviceName, recordOf } from './reading.ts';
import { namesOf } from './task.ts';

/** Servers for the subjects, each in its own process, and the tools to feed them. */
export interface Stage {
  readonly projectId: string;
  readonly env: Readonly<Record<string, string>>;
  /** CPU time of each server process so far, in seconds. */
  cpuSeconds(): Record<string, number>;
  /** Creates topics, a subscription, a session at the broker and device records, under a new run id. */
  newRun(service: string, devices: number): Promise<string>;
  /** Publishes messages for that run, and returns when the server has all of them. */
  fill(runId: string, service: string, load: Load): Promise<void>;
  /** Delays each publish request to a topic; returns a function that ends the delay. */
  delayPublish(topicId: string, latencyMs: number): Promise<() => Promise<unknown>>;
  /** Delays each call of a method of Storage or BigQuery; returns a function that ends the delay. */
  delayCalls(server: 'storage' | 'bigquery', method: string, latencyMs: number): Promise<() => Promise<unknown>>;
  /** Deletes everything that the run created. */
  endRun(runId: string, service: string, devices: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts Pub/Sub, the other clouds, Redis and a broker, each in its own process. */
export async function openStage(): Promise<Stage> {
  const servers = join(import.meta.dirname, 'servers.ts');
  const env: Record<string, string> = { METADATA_SERVER_DETECTION: 'none' };
  const children: Record<string, Child> = {};
  const controls: Record<string, string> = {};
  for (const [name, parts] of [
    ['pubsub', 'pubsub'],
    ['cloud', 'firestore,storage,bigquery'],
    ['redis', 'redis'],
  ] as const) {
    const child = await startChild(process.execPath, [servers, parts], { readyWhen: /\}\n/ });
    const { SANDBOX_CONTROL_URL: url, ...variables } = JSON.parse(child.stdout.split('\n')[0] ?? '{}');
    controls[name] = url;
    Object.assign(env, variables);
    children[name] = child;
  }
  const broker = await startMosquitto(['max_inflight_messages 0']);
  env.MQTT_URL = broker.url;
  Object.assign(process.env, env);
  const projectId = env.GOOGLE_CLOUD_PROJECT ?? 'sandbox';
  const { publisher, subscriber, close } = await createPubSubClients({ projectId });
  const firestore = new Firestore({ projectId });
  const redis = new Redis(env.REDIS_URL ?? '', { lazyConnect: true });
  const storage = defaultStorage(projectId);
  const bigquery = defaultBigQuery(projectId);

  return {
    projectId,
    env,
    cpuSeconds: () => ({
      ...Object.fromEntries(Object.entries(children).map(([name, { pid }]) => [name, cpuSecondsOf(pid)])),
      mosquitto: cpuSecondsOf(broker.pid),
    }),
    newRun: async (service, devices) => {
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
        await session.subscribeAsync(names.mqttFilter, { qos: 1 });
        await session.endAsync();
      }
      if (service === 'enrich') {
        const writer = firestore.bulkWriter({ throttling: false });
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
    fill: (runId, service, load) => {
      const { input, mqttTopic } = namesOf({ runId, projectId });
      if (service === 'ingestion') return fillBroker(broker.url, mqttTopic, load);
      return fillTopic(publisher, publisher.projectTopicsPath(projectId, input), load);
    },
    delayPublish: (topicId, latencyMs) =>
      addFault(controls.pubsub, { server: 'pubsub', method: 'Publish', resource: `*/${topicId}`, latencyMs }),
    delayCalls: (server, method, latencyMs) => addFault(controls.cloud, { server, method, latencyMs }),
    endRun: async (runId, service, devices) => {
      const names = namesOf({ runId, projectId });
      for (const name of [names.subscription, names.deadLetters]) {
        await subscriber.deleteSubscription({ subscription: subscriber.subscriptionPath(projectId, name) });
      }
      for (const name of [names.input, names.output, names.deadLetters]) {
        await publisher.deleteTopic({ topic: publisher.projectTopicsPath(projectId, name) });
      }
      if (service === 'ingestion') {
        const session = await connectAsync(broker.url, { clientId: names.clientId, protocolVersion: 5, clean: true });
        await session.endAsync();
      }
      // Leftovers would make the servers of later rounds larger and slower.
      if (service === 'enrich') {
        const writer = firestore.bulkWriter({ throttling: false });
        for (let index = 0; index < devices; index += 1) {
          void writer.delete(firestore.collection(names.collection).doc(deviceName(index)));
        }
        await writer.close();
        await redis.flushall();
      }
      if (service === 'icestore') {
        await storage.bucket(names.bucket).deleteFiles();
        await storage.bucket(names.bucket).delete();
      }
      if (service === 'bigqueries') await bigquery.dataset(names.dataset).delete({ force: true });
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

/** Adds a rule to a sandbox; returns a function that removes it. */
async function addFault(control: string | undefined, rule: FaultRule): Promise<() => Promise<unknown>> {
  const added = await fetch(`${control}/faults`, { method: 'POST', body: JSON.stringify(rule) });
  const { id } = v.parse(v.object({ id: v.number() }), await added.json());
  return () => fetch(`${control}/faults/${id}`, { method: 'DELETE' });
}
