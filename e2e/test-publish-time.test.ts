import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { readLines } from './read-lines.ts';

const QUIET = { telemetry: { level: 'silent', processMetrics: false } };

suite('test_publish_time', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['pubsub', 'storage'] }));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
  });
  const common = () => ({ google: { projectId: sandbox.projectId }, http: { host: '127.0.0.1', port: 0 } });

  test('files a message by that time, and keeps its publish time', async () => {
    const [topicId, dead] = await newTopics(pubsub, 'dated', 'dated-dead');
    const bucket = `bucket-${topicId}`;
    const config = v.parse(icestoreSchema, {
      ...{ service: 'icestore', ...common() },
      source: { subscriptionId: topicId },
      input: 'raw',
      bucket: { name: bucket, create: true },
      archive: { maxAgeMs: 50, acceptTestTime: 'true' },
      deadLetters: { topicId: dead },
    });
    const service = createIcestore(config, QUIET);
    scope.defer(() => service.shutdown(5_000));
    await service.start();
    const publish = (data: string, test_publish_time: string) =>
      pubsub.topic(topicId).publishMessage({ data: Buffer.from(data), attributes: { test_publish_time } });
    await publish('then', '2025-06-15T12:00:00Z');
    await publish('never', 'yesterday');
    await eventually(() => assert.equal([service.ledger.acked, service.ledger.deadLettered], [1, 1]));
    const [line, ...more] = await readLines({ projectId: sandbox.projectId, bucket });
    assert.is(more.length, 0);
    assert.is(line?.batchKey, '2025/06/15');
    assert.ok(Math.abs(Date.parse(line?.publishTime ?? '') - Date.now()) < 600_000, line?.publishTime);
  });
});
