import { PubSub } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import { readPipelineConfig } from '../src/services/pipeline.ts';
import { builtInPipeline } from '../src/testing/cli.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

suite('the shipped ingestion pipeline with MQTT_TOPIC', ({ test, after }) => {
  const scope = suiteScope({ after });

  test('receives each message of that filter once, with the device from its first +', async () => {
    const { sandbox } = await startServers(scope, { parts: ['mqtt', 'pubsub'] });
    const pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
    const [raw, dead] = await newTopics(pubsub, 'go-raw', 'go-dead');
    const config = readPipelineConfig(builtInPipeline('ingestion'), {
      PROJECT_ID: sandbox.projectId,
      PORT: '0',
      MQTT_BROKER_URL: sandbox.env.MQTT_URL,
      MQTT_PROTOCOL_VERSION: '4',
      MQTT_TOPIC: 'plants/+/data',
      RAW_TOPIC: raw,
      DEAD_LETTER_TOPIC: dead,
      DEAD_LETTER_SUBSCRIPTION: dead,
    });
    assert.ok(config.service === 'ingestion');
    const service = createIngestion(config, { telemetry: { level: 'silent', processMetrics: false } });
    scope.defer(() => service.shutdown(5_000));
    await service.start();
    await service.ready;
    const messages = collectMessages(scope, pubsub, raw);
    const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
    scope.defer(() => client.endAsync(true));
    for (const device of ['d1', 'd2']) {
      await client.publishAsync(`plants/${device}/data`, `{"message_id":"m-${device}"}`, { qos: 1 });
      await client.publishAsync(`sites/hall/devices/${device}/readings`, '{}', { qos: 1 });
    }
    await eventually(() => assert.is(messages.length, 2));
    assert.equal([service.ledger.received, service.ledger.acked], [2, 2]);
    const told = messages.map(({ data, attributes }) => {
      const { id, enrichmentData } = JSON.parse(data.toString());
      return [id, enrichmentData.DeviceID, attributes.mqtt_topic, attributes.route_name];
    });
    assert.equal(told.sort(), [
      ['m-d1', 'd1', 'plants/d1/data', 'raw'],
      ['m-d2', 'd2', 'plants/d2/data', 'raw'],
    ]);
  });
});
