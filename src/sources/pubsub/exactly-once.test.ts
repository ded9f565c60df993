import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { eventually } from '../../testing/eventually.ts';
import { openPubSubRig } from '../../testing/pubsub-rig.ts';
import { suite } from '../../testing/suite.ts';
import { PubSubTicket } from './pubsub-ticket.ts';

const texts = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

suite('a subscription with exactly-once delivery', ({ test, before, after, afterEach }) => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub'] });
    sandbox.applyEnv();
  });
  afterEach(() => sandbox.faults.clear());
  after(() => sandbox.close());

  const exactlyOnce = { enableExactlyOnceDelivery: true };

  test('a message is emitted only after its receipt was confirmed', async () => {
    const stall = sandbox.faults.add({ server: 'pubsub', method: 'ModifyAckDeadline', stall: true });
    const rig = await openPubSubRig(exactlyOnce, {}, (delivery) => delivery.ack());
    await rig.publish(...texts(20));
    await eventually(() => assert.is(rig.source.pending, 20));
    assert.equal(rig.texts, []);
    stall.remove();
    await eventually(() => assert.equal(rig.texts.toSorted(), texts(20).toSorted()));
    await rig.stop();
    assert.is(rig.source.unconfirmed, 0);
    assert.is(rig.desk.ledger.acked, 20);
    await rig.close();
  });

  test('acks whose answers are lost, or that fail at times, end well: nothing comes twice', async () => {
    for (const method of ['Acknowledge', 'ModifyAckDeadline']) {
      sandbox.faults.add({ server: 'pubsub', method, probability: 0.4, seed: 1, error: { code: 'UNAVAILABLE' } });
    }
    const rig = await openPubSubRig(exactlyOnce, {}, (delivery) => delivery.ack());
    for (let round = 0; round < 20; round += 1) await rig.publish(...texts(100).map((text) => `${round}-${text}`));
    await eventually(() => assert.is(rig.deliveries.length, 2_000));
    await rig.stop();
    assert.is(rig.source.unconfirmed, 0, 'every ack was confirmed');
    assert.is(new Set(rig.texts).size, 2_000);
    await rig.close();
  });

  test('an ack that comes after the lease is counted, and its message comes again', async () => {
    const rig = await openPubSubRig(exactlyOnce, { ackDeadlineMs: 600_000 }, () => {});
    await rig.publish('late');
    await eventually(() => assert.is(rig.deliveries.length, 1));
    const ticket = rig.deliveries[0]?.ticket;
    if (!(ticket instanceof PubSubTicket)) throw new Error('no ticket of Pub/Sub');
    // Somebody else ends the lease: the source still believes in it.
    const ackIds = [ticket.lease.ackId];
    await rig.client.modifyAckDeadline({ subscription: rig.subscription, ackIds, ackDeadlineSeconds: 0 });
    await eventually(() => assert.is(rig.deliveries.length, 2, 'it comes again'));
    rig.deliveries[0]?.ack();
    await eventually(() => assert.is(rig.source.unconfirmed, 1));
    assert.match(await rig.telemetry.registry.metrics(), /event="pubsub.ack_late"[^}]*\} 1/);
    rig.deliveries[1]?.ack();
    await rig.stop();
    assert.is(rig.source.unconfirmed, 1);
    await rig.close();
  });

  test('the official client sees success and failure as it documents them', async () => {
    const rig = await openPubSubRig({}, {}, () => {});
    const pubsub = new PubSub({ projectId: 'sandbox' });
    const [topic] = await pubsub.createTopic('official');
    const [subscription] = await topic.createSubscription('official', { ...exactlyOnce, ackDeadlineSeconds: 60 });
    const results: string[] = [];
    let seen = false;
    subscription.on('message', async (message) => {
      const ackIds = [message.ackId];
      const isFirst = !seen;
      seen = true;
      if (isFirst)
        await rig.client.modifyAckDeadline({ subscription: subscription.name, ackIds, ackDeadlineSeconds: 0 });
      // In one call the client takes all for failed, though only those that the error names have.
      else await eventually(() => assert.is(results.length, 1));
      results.push(await message.ackWithResponse().catch((error) => error.errorCode));
    });
    await topic.publishMessage({ data: Buffer.from('x') });
    await eventually(() => assert.equal(results, ['INVALID', 'SUCCESS']));
    await subscription.close();
    await pubsub.close();
    await rig.close();
  });
});
