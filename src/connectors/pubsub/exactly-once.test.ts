import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { eventually } from '../../testing/eventually.ts';
import { startPubSubSource } from '../../testing/pubsub-harness.ts';
import { suiteScope, testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { PubSubAckHandle } from './source.ts';

const texts = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

const CALL = { retry: null, timeout: 10_000 };

suite('a subscription with exactly-once delivery', (it) => {
  const { test, before, afterEach } = it;
  const servers = suiteScope(it);
  let sandbox: Sandbox;
  before(async () => {
    sandbox = servers.use(await startSandbox({ parts: ['pubsub'] }));
    sandbox.applyEnv();
  });
  afterEach(() => sandbox.faults.clear());
  const scope = testScope(it);

  const exactlyOnce = { enableExactlyOnceDelivery: true };

  test('a message is emitted only after its receipt was confirmed', async () => {
    const stall = sandbox.faults.add({ server: 'pubsub', method: 'ModifyAckDeadline', stall: true });
    const harness = await startPubSubSource(scope, {
      subscription: exactlyOnce,
      onDelivery: (delivery) => delivery.ack(),
    });
    await harness.publish(...texts(20));
    await eventually(() => assert.is(harness.source.pending, 20));
    assert.equal(harness.texts, []);
    stall.remove();
    await eventually(() => assert.equal(harness.texts.toSorted(), texts(20).toSorted()));
    await harness.stop();
    assert.is(harness.source.unconfirmed, 0);
    assert.is(harness.context.ledger.acked, 20);
  });

  test('acks with lost responses or occasional failures succeed: nothing is delivered twice', async () => {
    for (const method of ['Acknowledge', 'ModifyAckDeadline']) {
      sandbox.faults.add({ server: 'pubsub', method, probability: 0.4, seed: 1, error: { code: 'UNAVAILABLE' } });
    }
    const harness = await startPubSubSource(scope, {
      subscription: exactlyOnce,
      onDelivery: (delivery) => delivery.ack(),
    });
    for (let round = 0; round < 20; round += 1) await harness.publish(...texts(100).map((text) => `${round}-${text}`));
    await eventually(() => assert.is(harness.deliveries.length, 2_000));
    await harness.stop();
    assert.is(harness.source.unconfirmed, 0, 'every ack was confirmed');
    assert.is(new Set(harness.texts).size, 2_000);
  });

  test('an ack after the end of the lease is counted, and its message redelivered', async () => {
    const harness = await startPubSubSource(scope, { subscription: exactlyOnce, settings: { ackDeadlineMs: 600_000 } });
    await harness.publish('late');
    await eventually(() => assert.is(harness.deliveries.length, 1));
    const ackHandle = harness.deliveries[0]?.ackHandle;
    if (!(ackHandle instanceof PubSubAckHandle)) throw new Error('no ack handle of Pub/Sub');
    // Another client ends the lease; the source still considers it valid.
    const ackIds = [ackHandle.lease.ackId];
    await harness.client.modifyAckDeadline({ subscription: harness.subscription, ackIds, ackDeadlineSeconds: 0 }, CALL);
    await eventually(() => assert.is(harness.deliveries.length, 2, 'it comes again'));
    harness.deliveries[0]?.ack();
    await eventually(() => assert.is(harness.source.unconfirmed, 1));
    assert.match(await harness.telemetry.registry.metrics(), /event="pubsub.ack_late"[^}]*\} 1/);
    harness.deliveries[1]?.ack();
    await harness.stop();
    assert.is(harness.source.unconfirmed, 1);
  });

  test('the official client reports success and failure as documented', async () => {
    const harness = await startPubSubSource(scope);
    const pubsub = scope.use(new PubSub({ projectId: 'sandbox' }));
    const [topic] = await pubsub.createTopic('official');
    const [subscription] = await topic.createSubscription('official', { ...exactlyOnce, ackDeadlineSeconds: 60 });
    scope.use(subscription);
    const results: string[] = [];
    let seen = false;
    subscription.on('message', async (message) => {
      const ackIds = [message.ackId];
      const isFirst = !seen;
      seen = true;
      if (isFirst)
        await harness.client.modifyAckDeadline(
          { subscription: subscription.name, ackIds, ackDeadlineSeconds: 0 },
          CALL,
        );
      // For one call with several ids, the client reports all of them as failed, though only the ids in the error
      // failed.
      else await eventually(() => assert.is(results.length, 1));
      results.push(await message.ackWithResponse().catch((error) => error.errorCode));
    });
    await topic.publishMessage({ data: Buffer.from('x') });
    await eventually(() => assert.equal(results, ['INVALID', 'SUCCESS']));
  });
});
