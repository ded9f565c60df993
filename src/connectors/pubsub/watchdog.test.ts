import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { eventually } from '../../testing/eventually.ts';
import { startPubSubSource } from '../../testing/pubsub-harness.ts';
import { suiteScope, testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';

const KEEPALIVE_MS = 500;
const ROUNDS = 10;
const TEXTS_PER_ROUND = 200;

suite('a broken stream', (it) => {
  const { test, before, afterEach } = it;
  const servers = suiteScope(it);
  let sandbox: Sandbox;
  before(async () => {
    sandbox = servers.use(await startSandbox({ parts: ['pubsub'] }));
    sandbox.applyEnv();
  });
  afterEach(() => sandbox.faults.clear());
  const scope = testScope(it);

  const start = () =>
    startPubSubSource(scope, { settings: { keepaliveMs: KEEPALIVE_MS }, onDelivery: (delivery) => delivery.ack() });

  test('silent with a backlog: it is replaced, and everything arrives once the server recovers', async () => {
    const harness = await start();
    await harness.publish('before');
    await eventually(() => assert.equal(harness.texts, ['before']));
    const stall = sandbox.faults.add({ server: 'pubsub', method: 'StreamingPull', stall: true });
    await harness.publish('backlog');
    await eventually(() => assert.ok(harness.events('pubsub.stream_lost').length > 0), { deadlineMs: 10_000 });
    assert.equal(harness.texts, ['before']);
    stall.remove();
    await eventually(() => assert.equal(harness.texts, ['before', 'backlog']));
    await harness.stop();
  });

  test('idle and healthy: it stays', async () => {
    const harness = await start();
    const startedAt = performance.now();
    await eventually(() => assert.ok(performance.now() - startedAt > 3.5 * KEEPALIVE_MS));
    assert.equal(harness.events('pubsub.stream_lost'), []);
    await harness.publish('after');
    await eventually(() => assert.equal(harness.texts, ['after']));
    await harness.stop();
  });

  test('repeatedly broken: nothing is lost', async () => {
    const harness = await startPubSubSource(scope, { onDelivery: (delivery) => delivery.ack() });
    const texts = Array.from({ length: ROUNDS * TEXTS_PER_ROUND }, (_, index) => `m${index}`);
    for (let start = 0; start < texts.length; start += TEXTS_PER_ROUND) {
      const deliveredBefore = harness.deliveries.length;
      await harness.publish(...texts.slice(start, start + TEXTS_PER_ROUND));
      // Breaks only a stream that has delivered: one that is refused on every open could never deliver.
      await eventually(() => assert.ok(harness.deliveries.length > deliveredBefore));
      const fault = sandbox.faults.add({
        ...{ server: 'pubsub', method: 'StreamingPull', times: 1 },
        error: { code: 'INTERNAL' },
      });
      await eventually(() => assert.is(fault.fired, 1));
    }
    await eventually(() => assert.is(new Set(harness.texts).size, texts.length));
    await eventually(() => assert.is(harness.events('pubsub.stream_lost').length, ROUNDS));
    await harness.stop();
    assert.is(harness.source.unconfirmed, 0);
  });
});
