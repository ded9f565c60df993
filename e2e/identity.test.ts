import { randomBytes } from 'node:crypto';
import { PubSub } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import { createBigQueries } from '../src/services/bigqueries/bigqueries.ts';
import { bigqueriesSchema } from '../src/services/bigqueries/config.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import type { Service } from '../src/services/service.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { readLines } from './read-lines.ts';

const QUIET = { telemetry: { level: 'silent' } };
const READINGS = 50;

interface Sent {
  readonly id: string;
  readonly topic: string;
  readonly payload: string;
  readonly publishTime?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

suite('the identity of a message', (it) => {
  const { test, before } = it;
  const whole = suiteScope(it);
  const scope = testScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole);
  });

  /** bigqueries and icestore read one topic; each object of icestore has this number of lines. */
  const openSinks = async ({ maxLines = 1, identity }: { maxLines?: number; identity?: object } = {}) => {
    const { projectId } = servers.sandbox;
    const run = randomBytes(4).toString('hex');
    const names = { topic: `raw-${run}`, rows: `rows-${run}`, lines: `lines-${run}`, dataset: `data_${run}` };
    const pubsub = new PubSub({ projectId });
    scope.defer(() => pubsub.close());
    const [topic] = await pubsub.createTopic(names.topic);
    for (const name of [names.rows, names.lines]) await topic.createSubscription(name);
    const common = { google: { projectId }, http: { host: '127.0.0.1', port: 0 }, ...(identity && { identity }) };
    const bigqueries = createBigQueries(
      v.parse(bigqueriesSchema, {
        ...{ ...common, service: 'bigqueries', source: { subscriptionId: names.rows } },
        table: {
          ...{ datasetId: names.dataset, tableId: 'readings', create: true },
          schema: [
            { name: 'id', type: 'STRING', from: 'metadata.id' },
            { name: 'topic', type: 'STRING', from: 'attributes.mqtt_topic' },
          ],
        },
        insert: { maxDelayMs: 20 },
      }),
      QUIET,
    );
    const icestore = createIcestore(
      v.parse(icestoreSchema, {
        ...{ ...common, service: 'icestore', source: { subscriptionId: names.lines } },
        bucket: { name: names.lines, create: true },
        archive: { maxLines, maxAgeMs: 20 },
      }),
      QUIET,
    );
    for (const service of [bigqueries, icestore]) await started(service);
    const bigquery = createBigQueryClient({ projectId });
    const storage = createStorageClient({ projectId });
    return {
      topicId: names.topic,
      send: async (messages: readonly Sent[]) => {
        for (const {
          id,
          topic: mqttTopic,
          payload,
          publishTime = '2026-03-04T05:06:07Z',
          attributes = {},
        } of messages) {
          const envelope = { id, payload: Buffer.from(payload).toString('base64'), publishTime };
          await topic.publishMessage({
            data: Buffer.from(JSON.stringify(envelope)),
            attributes: { mqtt_topic: mqttTopic, ...attributes },
          });
        }
      },
      /** Waits until both services have settled this number of messages, and returns the contents of the sinks. */
      settled: async (count: number) => {
        await eventually(() => assert.equal([bigqueries.ledger.acked, icestore.ledger.acked], [count, count]));
        const query = `SELECT id, topic FROM \`${projectId}.${names.dataset}.readings\``;
        const [rows] = await bigquery.query({ query });
        const lines = await readLines({ projectId, bucket: names.lines });
        const [objects] = await storage.bucket(names.lines).getFiles();
        return { rows: rows.length, lines: lines.length, objects: objects.length };
      },
    };
  };

  const started = async (service: Pick<Service<object>, 'start' | 'ready' | 'shutdown'>) => {
    scope.defer(() => service.shutdown());
    await service.start();
    await service.ready;
  };

  test('devices with equal counters keep every reading, as rows and as lines', async () => {
    const { projectId } = servers.sandbox;
    const { MQTT_URL } = servers.mqttEnv;
    const sinks = await openSinks();
    const ingestion = createIngestion(
      v.parse(ingestionSchema, {
        ...{ service: 'ingestion', google: { projectId }, http: { host: '127.0.0.1', port: 0 } },
        mqtt: { url: MQTT_URL, clientId: sinks.topicId, protocolVersion: 4 },
        id: 'payload.message_id',
        routes: { all: { source: { mqtt_topic: 'counting/+', qos: 1 }, destination: { route_name: 'raw' } } },
        producers: { raw: { outputTopicId: sinks.topicId } },
        deadLetters: { topicId: sinks.topicId },
      }),
      QUIET,
    );
    await started(ingestion);
    const client = await connectAsync(MQTT_URL);
    scope.defer(() => client.endAsync());
    for (let count = 1; count <= READINGS; count += 1) {
      for (const device of ['a', 'b']) {
        await client.publishAsync(`counting/${device}`, JSON.stringify({ message_id: count }), { qos: 1 });
      }
    }
    const found = await sinks.settled(2 * READINGS);
    assert.equal(found, { rows: 2 * READINGS, lines: 2 * READINGS, objects: 2 * READINGS });
  });

  test('two readings of one id and topic are both kept if their payloads differ', async () => {
    const sinks = await openSinks();
    await sinks.send([
      { id: '1', topic: 'a', payload: '{"t":1}' },
      { id: '1', topic: 'a', payload: '{"t":2}' },
    ]);
    assert.equal(await sinks.settled(2), { rows: 2, lines: 2, objects: 2 });
  });

  test('a redelivered message adds no second row and no second object', async () => {
    const sinks = await openSinks();
    const message = { id: '1', topic: 'a', payload: '{}' };
    await sinks.send([message]);
    await sinks.settled(1);
    // Transport attributes and the time of receipt do not change the identity.
    const attributes = { route_name: 'other', traceparent: '00-1-2-01', mqtt_retained: 'true' };
    await sinks.send([{ ...message, attributes, publishTime: '2026-03-04T05:06:08Z' }]);
    assert.equal(await sinks.settled(2), { rows: 1, lines: 1, objects: 1 });
  });

  test('identity.publishTime distinguishes messages whose ids are not unique', async () => {
    const sinks = await openSinks({ identity: { publishTime: true } });
    const message = { id: '0', topic: 'a', payload: '{}' };
    await sinks.send([message, { ...message, publishTime: '2026-03-04T05:06:08Z' }, message]);
    assert.equal(await sinks.settled(3), { rows: 2, lines: 2, objects: 2 });
  });
});
