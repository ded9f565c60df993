import * as assert from 'uvu/assert';
import type { Fault } from '../../sandbox/faults/faults.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { eventually } from '../../testing/eventually.ts';
import { openPubSubRig } from '../../testing/pubsub-rig.ts';
import { suite } from '../../testing/suite.ts';

const lost = /event="pubsub.stream_lost"[^}]*\} (\d+)/;

suite('a stream that does not work', ({ test, before, after, afterEach }) => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub'] });
    sandbox.applyEnv();
  });
  afterEach(() => sandbox.faults.clear());
  after(() => sandbox.close());

  test('silent with a backlog: it is built anew, and everything arrives when the server is well again', async () => {
    const rig = await openPubSubRig({}, { keepaliveMs: 1_000 }, (delivery) => delivery.ack());
    await rig.publish('before');
    await eventually(() => assert.equal(rig.texts, ['before']));
    const stall = sandbox.faults.add({ server: 'pubsub', method: 'StreamingPull', stall: true });
    await rig.publish('backlog');
    await eventually(async () => assert.match(await rig.telemetry.registry.metrics(), lost), { deadlineMs: 10_000 });
    assert.equal(rig.texts, ['before']);
    stall.remove();
    await eventually(() => assert.equal(rig.texts, ['before', 'backlog']));
    await rig.stop();
    await rig.close();
  });

  test('idle and well: it stays', async () => {
    const rig = await openPubSubRig({}, { keepaliveMs: 1_000 }, (delivery) => delivery.ack());
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    assert.not.match(await rig.telemetry.registry.metrics(), lost);
    await rig.publish('after');
    await eventually(() => assert.equal(rig.texts, ['after']));
    await rig.stop();
    await rig.close();
  });

  test('broken again and again: nothing is lost', async () => {
    const rig = await openPubSubRig({}, {}, (delivery) => delivery.ack());
    let fault: Fault | undefined;
    let deliveredBefore = 0;
    const breaking = setInterval(() => {
      // Only a stream that has delivered: one that is refused whenever it opens could deliver nothing.
      if (fault?.fired === 0 || rig.deliveries.length === deliveredBefore) return;
      deliveredBefore = rig.deliveries.length;
      fault = sandbox.faults.add({ server: 'pubsub', method: 'StreamingPull', times: 1, error: { code: 'INTERNAL' } });
    }, 100);
    const texts = Array.from({ length: 2_000 }, (_, index) => `m${index}`);
    for (let start = 0; start < texts.length; start += 100) {
      await rig.publish(...texts.slice(start, start + 100));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await eventually(() => assert.is(new Set(rig.texts).size, texts.length));
    clearInterval(breaking);
    const [, losses] = lost.exec(await rig.telemetry.registry.metrics()) ?? [];
    assert.ok(Number(losses) > 3, `${losses} streams were lost`);
    await rig.stop();
    assert.is(rig.source.unconfirmed, 0);
    await rig.close();
  });
});
