import { createHash } from 'node:crypto';
import { PubSub } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import { listDeadLetters, runDeadLetters } from '../src/testing/dead-letters-cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { largeData } from '../src/testing/large-data.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const QUIET = { telemetry: { level: 'silent' } };

suite('MQTT messages that do not fit into Pub/Sub', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  const folder = pipelineFolder(scope);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(scope));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
  });
  /** First settings of every pipeline of this suite. */
  const common = () => ({ google: { projectId: sandbox.projectId }, http: { host: '127.0.0.1', port: 0 } });

  const shown = async (pipeline: string, id: string) => {
    const { code, stdout, output } = await runDeadLetters('show', pipeline, id, '--json');
    assert.is(code, 0, output);
    return JSON.parse(stdout);
  };

  test('an MQTT payload of 12 MB: red while the bucket is away, then stored; replayed over MQTT', async () => {
    const [output, dead] = await newTopics(pubsub, 'raw', 'mqtt-dead');
    const storage = createStorageClient({ projectId: sandbox.projectId });
    const bucket = `letters-${output}`;
    await storage.createBucket(bucket);
    const config = {
      ...{ service: 'ingestion', ...common() },
      mqtt: { url: sandbox.env.MQTT_URL, clientId: output, protocolVersion: 4 },
      routes: { all: { source: { mqtt_topic: 'big/+', qos: 1 }, destination: { route_name: 'raw' } } },
      producers: { raw: { outputTopicId: output } },
      deadLetters: { topicId: dead, subscriptionId: dead, bucket },
    };
    const service = createIngestion(v.parse(ingestionSchema, config), QUIET);
    await service.start();
    await service.ready;
    const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
    const received: Buffer[] = [];
    client.on('message', (_, payload) => received.push(payload));
    await storage.bucket(bucket).delete();
    const large = largeData(12_000_000);
    await client.publishAsync('big/one', large, { qos: 1 });
    await eventually(async () => {
      const report = await (await fetch(`${service.url}/readyz`)).json();
      assert.match(JSON.stringify(report), 'dead_letter_bucket');
      assert.match(JSON.stringify(report), 'failing');
    });
    assert.is(service.ledger.deadLettered, 0);
    await storage.createBucket(bucket);
    await eventually(() => assert.is(service.ledger.deadLettered, 1));
    await eventually(async () => assert.is((await fetch(`${service.url}/readyz`)).status, 200));

    const pipeline = folder.pipeline(config);
    const [deadLetter] = (await listDeadLetters(pipeline)).deadLetters;
    const { original, source, attempt, reason } = await shown(pipeline, deadLetter?.id ?? '');
    assert.equal([source, attempt, reason], ['mqtt:big/one', 1, 'too_large']);
    assert.ok(Buffer.from(original.data, 'base64').equals(large));
    assert.is((await service.shutdown()).abandoned, 0);

    await client.subscribeAsync('big/+', { qos: 1 });
    const { code, output: printed } = await runDeadLetters('replay', pipeline);
    assert.is(code, 0, printed);
    await eventually(() => assert.is(received.length, 1));
    assert.ok(received[0]?.equals(large));
    await client.endAsync();
  });

  test('a payload above mqtt.maxPayloadBytes is truncated: its start, size and hash are stored, it is not replayed', async () => {
    const [output, dead] = await newTopics(pubsub, 'raw', 'mqtt-cut');
    const storage = createStorageClient({ projectId: sandbox.projectId });
    const bucket = `letters-${output}`;
    await storage.createBucket(bucket);
    const config = {
      ...{ service: 'ingestion', ...common() },
      mqtt: { url: sandbox.env.MQTT_URL, clientId: output, protocolVersion: 4, maxPayloadBytes: 500_000 },
      routes: { all: { source: { mqtt_topic: 'huge/+', qos: 1 }, destination: { route_name: 'raw' } } },
      producers: { raw: { outputTopicId: output } },
      deadLetters: { topicId: dead, subscriptionId: dead, bucket },
    };
    const service = createIngestion(v.parse(ingestionSchema, config), QUIET);
    await service.start();
    await service.ready;
    const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
    const huge = largeData(2_000_000);
    await client.publishAsync('huge/one', huge, { qos: 1 });
    await client.publishAsync('huge/two', 'small', { qos: 1 });
    await eventually(() => assert.equal([service.ledger.deadLettered, service.ledger.acked], [1, 1]));
    assert.is((await service.shutdown()).abandoned, 0);
    await client.endAsync();

    const pipeline = folder.pipeline(config);
    const [deadLetter] = (await listDeadLetters(pipeline)).deadLetters;
    assert.equal([deadLetter?.reason, deadLetter?.truncated], ['too_large', true]);
    const { original, attributes } = await shown(pipeline, deadLetter?.id ?? '');
    assert.is(attributes.dlq_original_bytes, String(huge.length));
    assert.is(attributes.dlq_original_sha256, createHash('sha256').update(huge).digest('hex'));
    assert.is(attributes.mqtt_topic, 'huge/one');
    assert.ok(Buffer.from(original.data, 'base64').equals(huge.subarray(0, 500_000)));
    const { code, output: printed } = await runDeadLetters('replay', pipeline);
    assert.is(code, 1, printed);
    assert.match(printed, 'truncated');
  });
});
