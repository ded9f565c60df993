import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { ManualScheduler } from '../../testing/manual-scheduler.ts';
import { startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';

/** Time for a broker to resend unacknowledged messages when it resumes a session. */
const RESENT_WITHIN_MS = 5_000;
/** The longest reconnect delay of the harness. */
const RECONNECTS_WITHIN_MS = 30;

suite('MQTT credit', (it) => {
  const { test } = it;
  const scope = testScope(it);

  test('strict: messages completed after an unfinished one count against maxInFlight until their PUBACK is written', async () => {
    // MQTT 3.1.1, or a broker that ignores Receive Maximum, keeps sending.
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { protocolVersion: 4, ackOrder: 'strict', maxInFlight: 5 });
    const connection = await broker.connection(1);
    for (let packetId = 1; packetId <= 20; packetId += 1) connection.publish({ packetId, payload: `m${packetId}` });
    await harness.received(5);
    for (const index of [1, 2, 3, 4]) harness.ack(index);
    await nextTurn();
    await nextTurn();
    assert.is(harness.deliveries.length, 5, 'a crash now repeats 5');
    assert.equal([harness.source.unconfirmed, harness.source.waitingPubacks], [5, 4]);
    assert.ok(harness.source.isPaused);
    harness.ack(0);
    await harness.received(10);
    assert.equal(connection.pubacks, [1, 2, 3, 4, 5]);
    await harness.ackEach(20, 5);
    await eventually(() => assert.is(connection.pubacks.length, 20));
  });

  for (const ackOrder of ['strict', 'asCompleted'] as const) {
    test(`${ackOrder}: messages that the broker does not resend after a reconnect stop counting`, async () => {
      const broker = scope.use(await startScriptedBroker());
      const scheduler = new ManualScheduler();
      const harness = startMqttSource(scope, broker.url, { ackOrder, maxInFlight: 3 }, { scheduler });
      const first = await broker.connection(1);
      for (const packetId of [1, 2, 3]) first.publish({ packetId, payload: `m${packetId}` });
      await harness.received(3);
      first.cut();
      await eventually(() => assert.is(harness.events('mqtt.disconnected').length, 1));
      scheduler.advance(RECONNECTS_WITHIN_MS);
      const second = await broker.connection(2);
      await eventually(() => assert.ok(harness.client.connected));
      // One completes before the broker's time is over, two after it.
      harness.ack(0);
      assert.is(harness.source.unconfirmed, 3);
      scheduler.advance(RESENT_WITHIN_MS);
      assert.is(harness.source.unconfirmed, 2);
      harness.ack(1);
      harness.ack(2);
      for (const packetId of [4, 5, 6]) second.publish({ packetId, payload: `m${packetId}` });
      await harness.received(6);
      await harness.ackEach(6, 3);
      await eventually(() => assert.equal(second.pubacks, [4, 5, 6]));
      assert.is(harness.source.unconfirmed, 0);
    });
  }

  test('the connection is paused at maxInFlightBytes; a larger message is admitted alone', async () => {
    const broker = scope.use(await startScriptedBroker());
    // The packet's bytes besides its payload, mostly the topic here, count as well.
    const harness = startMqttSource(scope, broker.url, { maxInFlightBytes: 130 });
    const connection = await broker.connection(1);
    const sizes = [40, 40, 40, 1_000, 10];
    for (const [index, size] of sizes.entries()) {
      connection.publish({ packetId: index + 1, payload: Buffer.alloc(size) });
    }
    await harness.received(2);
    assert.ok(harness.source.isPaused);
    for (const [index, inFlight] of [114, 57, 1_018, 27, 0].entries()) {
      harness.ack(index);
      await eventually(() => assert.is(harness.context.ledger.inFlightBytes, inFlight));
    }
    await eventually(() => assert.is(connection.pubacks.length, 5));
  });

  test('maxInFlight is sent to the broker as Receive Maximum, in MQTT 5', async () => {
    const broker = scope.use(await startScriptedBroker());
    startMqttSource(scope, broker.url, {
      protocolVersion: 5,
      maxInFlight: 17,
      sessionExpirySeconds: 99,
      clientId: 'five',
    });
    startMqttSource(scope, broker.url, { protocolVersion: 4, maxInFlight: 17, clientId: 'four' });
    await broker.connection(1);
    await broker.connection(2);
    const connects = broker.connections.map(({ connect }) => connect);
    const five = connects.find(({ clientId }) => clientId === 'five');
    assert.equal({ ...five?.properties }, { sessionExpiryInterval: 99, receiveMaximum: 17 });
    assert.is(five?.clean, false);
    const four = connects.find(({ clientId }) => clientId === 'four');
    assert.is(four?.properties, undefined);
    assert.is(four?.clean, false);
  });

  test('a connection that breaks while paused is detected, and nothing is lost or doubled', async () => {
    const broker = scope.use(await startScriptedBroker());
    // The end of the connection is queued after megabytes that are not read.
    const harness = startMqttSource(scope, broker.url, {
      keepAliveSeconds: 1,
      maxInFlight: 2,
      ackOrder: 'asCompleted',
    });
    const first = await broker.connection(1);
    const payloadOf = (packetId: number) => Buffer.alloc(64 * 1024, packetId);
    const ids = Array.from({ length: 100 }, (_, index) => index + 1);
    for (const packetId of ids) first.publish({ packetId, payload: payloadOf(packetId) });
    await harness.received(2);
    first.cut();
    const second = await broker.connection(2);
    assert.is(harness.deliveries.length, 2);
    for (const packetId of ids) second.publish({ packetId, payload: payloadOf(packetId), dup: true });
    await harness.ackEach(100);
    await eventually(() => assert.is(second.pubacks.length, 100));
    assert.equal(
      harness.deliveries.map(({ message }) => message.payload[0]),
      ids,
    );
    assert.is(harness.context.credit.peakMessages, 2);
    assert.equal(first.pubacks, []);
  });

  test('a paused message of QoS 0 outlives its connection, because no broker would resend it', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { maxInFlight: 1 });
    const first = await broker.connection(1);
    first.publish({ packetId: 0, payload: 'q1' });
    first.publish({ packetId: 0, payload: 'q2' });
    await harness.received(1);
    await eventually(() => assert.ok(harness.source.isPaused));
    first.cut();
    const second = await broker.connection(2);
    second.publish({ packetId: 1, payload: 'm1' });
    await harness.ackEach(3);
    assert.equal(harness.texts, ['q1', 'q2', 'm1']);
    await eventually(() => assert.equal(second.pubacks, [1]));
  });
});
