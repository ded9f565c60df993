import { setTimeout as sleep } from 'node:timers/promises';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { readLines } from './read-lines.ts';

suite('archivedAt', ({ test, after }) => {
  const scope = suiteScope({ after });

  test('is the time of writing the object, in all of its lines', async () => {
    const { sandbox } = await startServers(scope, { parts: ['pubsub', 'storage'] });
    const { projectId } = sandbox;
    const pubsub = scope.use(new PubSub({ projectId }));
    const [topic] = await pubsub.createTopic('archived-at');
    await topic.createSubscription('archived-at');
    const config = v.parse(icestoreSchema, {
      service: 'icestore',
      google: { projectId },
      http: { host: '127.0.0.1', port: 0 },
      source: { subscriptionId: 'archived-at' },
      input: 'raw',
      bucket: { name: 'archived-at', create: true },
      archive: { maxLines: 2 },
    });
    const service = createIcestore(config, { telemetry: { level: 'silent', processMetrics: false } });
    scope.defer(() => service.shutdown(5_000));
    await service.start();
    await topic.publishMessage({ data: Buffer.from('first') });
    await eventually(() => assert.is(service.ledger.received, 1));
    await sleep(20);
    const second = Date.now();
    await topic.publishMessage({ data: Buffer.from('second') });
    await eventually(() => assert.is(service.ledger.acked, 2));
    const lines = await readLines({ projectId, bucket: 'archived-at' });
    const times = lines.map(({ archivedAt }) => Date.parse(archivedAt));
    assert.is(times.length, 2);
    assert.is(times[0], times[1]);
    assert.ok(Number(times[0]) >= second && Number(times[0]) <= Date.now());
  });
});
