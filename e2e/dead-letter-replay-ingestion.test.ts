import { PubSub } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { decodeEnvelope } from '../src/formats/envelope/envelope.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { listDeadLetters, runDeadLetters } from '../src/testing/dead-letters-cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const QUIET = { telemetry: { level: 'silent' } };

suite('dead letters of a fixed ingestion', ({ test, before, after }) => {
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

  test('ingestion: messages that a hook refused are replayed over MQTT through the fixed hook', async () => {
    const [output, dead] = await newTopics(pubsub, 'i-raw', 'i-dead');
    const config = {
      ...{ service: 'ingestion', ...common() },
      mqtt: { url: sandbox.env.MQTT_URL, clientId: output, protocolVersion: 4 },
      routes: { all: { source: { mqtt_topic: 'replay/+', qos: 1 }, destination: { route_name: 'raw' } } },
      producers: { raw: { outputTopicId: output } },
      deadLetters: { topicId: dead, subscriptionId: dead },
    };
    const pipeline = folder.pipeline(config);
    let isMended = false;
    const service = createIngestion(v.parse(ingestionSchema, config), {
      ...QUIET,
      enricher: () => {
        if (!isMended) throw new Error('not yet');
        return {};
      },
    });
    await service.start();
    await service.ready;
    const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
    const payloads = Array.from({ length: 20 }, (_, index) => Buffer.from([0xff, index, 0x00]));
    for (const [index, payload] of payloads.entries())
      await client.publishAsync(`replay/${index}`, payload, { qos: 1 });
    await client.endAsync();
    await eventually(() => assert.is(service.ledger.deadLettered, 20));
    const { deadLetters } = await listDeadLetters(pipeline);
    assert.equal([...new Set(deadLetters.map(({ reason }) => reason))], ['hook_failed']);
    assert.ok(deadLetters.some(({ source }) => source === 'mqtt:replay/7'));
    const shown = await runDeadLetters('show', pipeline, deadLetters[0]?.id ?? '');
    assert.match(shown.stdout, /00000000 {2}ff [0-9a-f]{2} 00 /, 'binary data is shown in hexadecimal');

    const raw = collectMessages(scope, pubsub, output);
    isMended = true;
    const { code, output: printed } = await runDeadLetters('replay', pipeline);
    assert.is(code, 0, printed);
    await eventually(() => assert.is(service.ledger.acked, 20));
    await eventually(() => assert.is(raw.length, 20));
    const arrived = raw.map(({ data, attributes }) => {
      const { payload } = decodeEnvelope(data);
      return `${attributes.mqtt_topic} ${Buffer.from(payload).toString('hex')}`;
    });
    assert.equal(arrived.sort(), payloads.map((payload, index) => `replay/${index} ${payload.toString('hex')}`).sort());
    assert.equal((await listDeadLetters(pipeline)).deadLetters, []);
    assert.is((await service.shutdown()).abandoned, 0);
  });
});
