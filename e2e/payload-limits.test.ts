import { PubSub } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const QUIET = { telemetry: { level: 'silent', processMetrics: false } };

suite('payload limits of routes', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['mqtt', 'pubsub'] }));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
  });
  const common = () => ({ google: { projectId: sandbox.projectId }, http: { host: '127.0.0.1', port: 0 } });

  test('routes accept payloads within their sizes; others go to dead-letter or are dropped', async () => {
    const [output, dead] = await newTopics(pubsub, 'limited', 'limited-dead');
    const messages = collectMessages(scope, pubsub, output);
    const deadLetters = collectMessages(scope, pubsub, dead);
    const route = (filter: string, payload: object) => ({
      source: { mqtt_topic: filter, qos: 1 },
      destination: { route_name: 'raw' },
      payload,
    });
    const config = v.parse(ingestionSchema, {
      ...{ service: 'ingestion', ...common() },
      mqtt: { url: sandbox.env.MQTT_URL, clientId: output, protocolVersion: 4 },
      routes: {
        strict: route('strict/+', { minBytes: 2, maxBytes: 4 }),
        quiet: route('quiet/+', { minBytes: 1, outside: 'drop' }),
      },
      producers: { raw: { outputTopicId: output } },
      deadLetters: { topicId: dead, subscriptionId: dead },
    });
    const service = createIngestion(config, QUIET);
    scope.defer(() => service.shutdown(5_000));
    await service.start();
    await service.ready;
    const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
    scope.defer(() => client.endAsync(true));
    for (const payload of ['', '12', '1234', '12345']) {
      await client.publishAsync('strict/d1', payload, { qos: 1 });
      await client.publishAsync('quiet/d1', payload, { qos: 1 });
    }
    await eventually(() => {
      const { acked, deadLettered, dropped, inFlight } = service.ledger;
      assert.equal([acked, deadLettered, dropped, inFlight], [5, 2, 1, 0]);
    });
    await eventually(() => assert.equal([messages.length, deadLetters.length], [5, 2]));
    assert.equal(
      deadLetters.map(({ data, attributes }) => [data.toString(), attributes.dlq_reason, attributes.dlq_source]).sort(),
      [
        ['', 'too_small', 'mqtt:strict/d1'],
        ['12345', 'too_large', 'mqtt:strict/d1'],
      ],
    );
  });
});
