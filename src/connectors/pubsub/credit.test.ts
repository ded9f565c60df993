import * as assert from 'uvu/assert';
import { startSandbox } from '../../sandbox/sandbox.ts';
import { eventually } from '../../testing/eventually.ts';
import { startPubSubSource } from '../../testing/pubsub-harness.ts';
import { suiteScope, testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { PIECE_BYTES } from './wire/pull-response.ts';

const ROUNDS = 20;
const MATES = 20;
const MATE_BYTES = 50_000;

suite('credit of a Pub/Sub source', (it) => {
  const { test, before } = it;
  const servers = suiteScope(it);
  before(async () => servers.use(await startSandbox({ parts: ['pubsub'] })).applyEnv());
  const scope = testScope(it);

  test('an unsettled message retains its counted bytes, not the response it came in', async () => {
    const harness = await startPubSubSource(scope, {
      onDelivery: (delivery) => {
        if (delivery.message.payload.byteLength >= MATE_BYTES) delivery.ack();
      },
    });
    const mate = 'x'.repeat(MATE_BYTES);
    for (let round = 1; round <= ROUNDS; round += 1) {
      await harness.publish(...Array.from({ length: MATES }, () => mate), `held ${round}`);
      await harness.received(round * (MATES + 1));
    }
    const { ledger, credit } = harness.context;
    await eventually(() => assert.equal([ledger.inFlight, ledger.acked], [ROUNDS, ROUNDS * MATES]));
    const held = harness.deliveries
      .filter(({ message }) => message.payload.byteLength < MATE_BYTES)
      .map(({ message }) => message.payload.buffer);
    assert.is(held.length, ROUNDS);
    const bytes = [...new Set(held)].reduce((sum, buffer) => sum + buffer.byteLength, 0);
    // Node allocates small responses from a pool; each one retains its slab.
    const most = credit.bytes + ROUNDS * Math.max(PIECE_BYTES, Buffer.poolSize);
    assert.ok(bytes <= most, `${bytes} bytes are held, and ${credit.bytes} counted`);
    assert.is(ledger.inFlightBytes, credit.bytes);
    assert.ok(credit.bytes > ROUNDS * 'held 1'.length, 'ids and ack ids take memory too');
  });
});
