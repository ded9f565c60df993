import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import * as assert from 'uvu/assert';
import { PoisonError } from '../../core/errors.ts';
import { eventually } from '../../testing/eventually.ts';
import { startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';

suite('PUBACKs', (it) => {
  const { test } = it;
  const scope = testScope(it);

  const ways = [
    ['read past MQTT.js', () => {}],
    // An error passed to handleMessage's callback suppresses the PUBACK, and the parser continues.
    ['read by MQTT.js', ({ options }: MqttClient) => Object.assign(options, { properties: { topicAliasMaximum: 9 } })],
  ] as const;
  for (const [way, prepare] of ways) {
    for (const protocolVersion of [4, 5] as const) {
      test(`in protocol version ${protocolVersion}, ${way}, none is sent before ack(), and reading continues`, async () => {
        const broker = scope.use(await startScriptedBroker());
        const harness = startMqttSource(scope, broker.url, { protocolVersion }, { prepare });
        let readByMqttJs = 0;
        harness.client.on('packetreceive', ({ cmd }) => {
          if (cmd === 'publish') readByMqttJs += 1;
        });
        const connection = await broker.connection(1);
        for (const packetId of [1, 2, 3, 0]) connection.publish({ packetId, payload: `m${packetId}` });
        await harness.received(4);
        await harness.roundTrip(connection);
        assert.equal(connection.pubacks, [], 'before ack()');
        assert.is(harness.source.unconfirmed, 3);
        for (const index of [0, 1, 2, 3]) harness.ack(index);
        await eventually(() => assert.equal(connection.pubacks, [1, 2, 3]));
        await harness.roundTrip(connection);
        assert.equal(connection.pubacks, [1, 2, 3], 'none for QoS 0');
        assert.is(harness.source.unconfirmed, 0);
        assert.equal(harness.events('mqtt.error'), []);
        assert.is(broker.connections.length, 1);
        assert.is(readByMqttJs, way === 'read by MQTT.js' ? 4 : 0);
      });
    }
  }

  test('strict: PUBACKs follow the order of receipt, whatever the order of completion', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { ackOrder: 'strict' });
    const connection = await broker.connection(1);
    const ids = [7, 3, 65_535, 256, 1];
    for (const packetId of ids) connection.publish({ packetId, payload: `m${packetId}` });
    await harness.received(5);
    for (const index of [4, 2, 1]) harness.ack(index);
    await harness.roundTrip(connection);
    assert.equal(connection.pubacks, []);
    assert.is(harness.source.waitingPubacks, 3);
    harness.ack(0);
    await eventually(() => assert.equal(connection.pubacks, [7, 3, 65_535]));
    assert.is(harness.source.waitingPubacks, 1);
    harness.ack(3);
    await eventually(() => assert.equal(connection.pubacks, ids));
    assert.is(harness.source.unconfirmed, 0);
  });

  test('strict: keeps the order for a window of messages that complete in any order', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { ackOrder: 'strict', maxInFlight: 3_000 });
    const connection = await broker.connection(1);
    const ids = Array.from({ length: 3_000 }, (_, index) => index + 1);
    for (const packetId of ids) connection.publish({ packetId, payload: `m${packetId}` });
    await harness.received(ids.length);
    const order = ids.map((_, index) => index).sort(() => Math.random() - 0.5);
    for (const [turn, index] of order.entries()) {
      harness.ack(index);
      if (turn % 100 === 0) await nextTurn();
    }
    await eventually(() => assert.is(connection.pubacks.length, ids.length));
    assert.equal(connection.pubacks, ids);
  });

  test('strict: a returned message delays nothing, and is not acknowledged', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { ackOrder: 'strict' });
    const connection = await broker.connection(1);
    for (const packetId of [1, 2, 3]) connection.publish({ packetId, payload: `m${packetId}` });
    await harness.received(3);
    harness.ack(1);
    harness.deliveries[0]?.nack();
    harness.ack(2);
    await eventually(() => assert.equal(connection.pubacks, [2, 3]));
    await harness.roundTrip(connection);
    assert.equal(connection.pubacks, [2, 3]);
    // It is resent when the session resumes, as a new delivery.
    connection.cut();
    const resumed = await broker.connection(2);
    resumed.publish({ packetId: 1, payload: 'm1', dup: true });
    await harness.received(4);
    harness.ack(3);
    await eventually(() => assert.equal(resumed.pubacks, [1]));
    const { received, acked, nacked } = harness.context.ledger;
    assert.equal({ received, acked, nacked }, { received: 4, acked: 3, nacked: 1 });
  });

  test('asCompleted: PUBACKs leave as messages complete', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { ackOrder: 'asCompleted' });
    const connection = await broker.connection(1);
    for (const packetId of [1, 2, 3]) connection.publish({ packetId, payload: `m${packetId}` });
    await harness.received(3);
    harness.ack(2);
    await eventually(() => assert.equal(connection.pubacks, [3]));
    assert.is(harness.source.waitingPubacks, 0);
    harness.ack(0);
    harness.ack(1);
    await eventually(() => assert.equal(connection.pubacks, [3, 1, 2]));
  });

  test('dropped and dead-lettered messages are acknowledged, the latter once their dead letter is safe', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { ackOrder: 'asCompleted' });
    const connection = await broker.connection(1);
    for (const packetId of [1, 2]) connection.publish({ packetId, payload: `m${packetId}` });
    await harness.received(2);
    harness.deliveries[0]?.deadLetter(new PoisonError('undecodable', 'no JSON'));
    harness.deliveries[1]?.drop();
    await eventually(() => assert.equal(connection.pubacks, [2]));
    await harness.roundTrip(connection);
    assert.equal(connection.pubacks, [2]);
    const [deadLettering] = harness.context.deadLettered;
    assert.equal(Buffer.from(deadLettering?.original.data ?? '').toString(), 'm1');
    deadLettering?.publish();
    await eventually(() => assert.equal(connection.pubacks, [2, 1]));
    assert.ok(harness.context.ledger.balanced);
  });
});
