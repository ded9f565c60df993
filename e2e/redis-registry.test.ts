import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { freePort } from '../src/sandbox/free-port.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich } from '../src/services/enrich/enrich.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopic } from '../src/testing/new-topic.ts';
import { envelopeData } from '../src/testing/publish-envelope.ts';
import { hasRedis, startRedisServer } from '../src/testing/redis-server.ts';
import { testScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

suite('Redis as the registry', (it) => {
  const { test, skip } = it;
  const scope = testScope(it);
  if (!hasRedis) {
    skip('all of it', 'redis-server is not installed');
    return;
  }

  test('during an outage the service is red and waits, at start and later; no message passes without its data', async () => {
    const { sandbox } = await startServers(scope, { parts: ['pubsub'] });
    const { projectId } = sandbox;
    const pubsub = scope.use(new PubSub({ projectId }));
    const [input, output] = [await newTopic(pubsub, 'in'), await newTopic(pubsub, 'out')];
    const received = collectMessages(scope, pubsub, output);
    const port = await freePort();
    const service = createEnrich(
      v.parse(enrichSchema, {
        service: 'enrich',
        google: { projectId },
        http: { host: '127.0.0.1', port: 0 },
        log: { level: 'silent' },
        source: { subscriptionId: input },
        key: ['payload.device'],
        lookup: { redis: { url: `redis://127.0.0.1:${port}`, keyPrefix: 'device:' } },
        apply: { name: 'name' },
        output: { topicId: output },
      }),
    );
    scope.defer(() => service.shutdown(1_000));
    const started = service.start();
    started.catch(() => {});
    const readyz = async () => JSON.stringify(await (await fetch(`${service.url}/readyz`)).json());
    await eventually(async () => assert.match(await readyz(), /waiting for lookup\.redis: connect ECONNREFUSED/));
    const { admin } = await startRedisServer(scope, { port });
    await admin.set('device:d', '{"name":"registered"}');
    await started;
    await service.ready;

    await admin.acl('SETUSER', 'default', '-get');
    await pubsub.topic(input).publishMessage({ data: envelopeData('one', { device: 'd' }) });
    await eventually(async () =>
      assert.match(await readyz(), /"redis":\{"state":"failing","detail":"lookups fail: NOPERM /),
    );
    assert.equal([service.ledger.inFlight, received.length], [1, 0]);
    await admin.acl('SETUSER', 'default', '+get');
    await eventually(() => assert.is(received.length, 1));
    assert.equal(JSON.parse(String(received[0]?.data)).enrichmentData, { name: 'registered' });
    await pubsub.topic(input).publishMessage({ data: envelopeData('two', { device: 'unknown' }) });
    await eventually(() => assert.is(received.length, 2));
    assert.equal(await admin.keys('*'), ['device:d']);
    assert.match(await readyz(), /"redis":\{"state":"ok"/);
  });
});
