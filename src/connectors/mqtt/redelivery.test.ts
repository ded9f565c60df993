import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { type MqttHarness, startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { type BrokerConnection, startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';

const ORDERS = ['strict', 'asCompleted'] as const;

suite('MQTT redelivery', (it) => {
  const { test } = it;
  const scope = testScope(it);

  const receiveThree = async (harness: MqttHarness, connection: BrokerConnection): Promise<void> => {
    for (const packetId of [1, 2, 3]) connection.publish({ packetId, payload: `m${packetId}` });
    await harness.received(3);
  };

  for (const ackOrder of ORDERS) {
    for (const dup of [true, false]) {
      test(`${ackOrder}: with the session present, a resent message (DUP ${dup}) attaches to its work in progress`, async () => {
        const broker = scope.use(await startScriptedBroker());
        const harness = startMqttSource(scope, broker.url, { ackOrder });
        const first = await broker.connection(1);
        await receiveThree(harness, first);
        harness.ack(0);
        await eventually(() => assert.equal(first.pubacks, [1]));
        first.cut();
        const second = await broker.connection(2);
        for (const packetId of [2, 3]) second.publish({ packetId, payload: `m${packetId}`, dup });
        second.publish({ packetId: 4, payload: 'm4' });
        await harness.received(4);
        assert.equal(harness.texts, ['m1', 'm2', 'm3', 'm4'], 'no second delivery');
        await harness.roundTrip(second);
        assert.equal(second.pubacks, []);
        for (const index of [1, 2, 3]) harness.ack(index);
        await eventually(() => assert.equal(second.pubacks, [2, 3, 4]));
        assert.equal(first.pubacks, [1], 'nothing more over the connection that is gone');
        assert.is(harness.context.ledger.received, 4);
        assert.ok(harness.context.ledger.balanced);
      });
    }

    test(`${ackOrder}: a message completed offline is acknowledged only after its redelivery`, async () => {
      const broker = scope.use(await startScriptedBroker({ connack: ({ number }) => (number === 1 ? {} : undefined) }));
      const harness = startMqttSource(scope, broker.url, { ackOrder });
      const first = await broker.connection(1);
      await receiveThree(harness, first);
      const stale = harness.client.stream;
      let written = 0;
      const { write } = stale;
      stale.write = (...values: unknown[]): boolean => {
        written += 1;
        return Reflect.apply(write, stale, values);
      };
      first.cut();
      const second = await broker.connection(2);
      harness.ack(0);
      harness.ack(2);
      await nextTurn();
      await nextTurn();
      second.accept();
      await eventually(() => assert.ok(harness.client.connected));
      await harness.roundTrip(second);
      assert.is(written, 0, 'nothing is written to a stale stream');
      assert.equal(second.pubacks, [], 'these packet ids mean nothing yet over this connection');
      assert.is(harness.source.unconfirmed, 3);
      second.publish({ packetId: 1, payload: 'm1', dup: true });
      await eventually(() => assert.equal(second.pubacks, [1]));
      second.publish({ packetId: 2, payload: 'm2', dup: true });
      second.publish({ packetId: 3, payload: 'm3', dup: true });
      await harness.roundTrip(second);
      if (ackOrder === 'strict') assert.equal(second.pubacks, [1], '3 waits for 2');
      else assert.equal(second.pubacks, [1, 3]);
      harness.ack(1);
      await eventually(() => assert.equal(second.pubacks, ackOrder === 'strict' ? [1, 2, 3] : [1, 3, 2]));
      assert.is(harness.deliveries.length, 3);
      assert.is(harness.source.unconfirmed, 0);
    });

    test(`${ackOrder}: messages of a resumed session may precede its CONNACK, as aedes sends them`, async () => {
      const broker = scope.use(await startScriptedBroker({ connack: ({ number }) => (number === 1 ? {} : undefined) }));
      const harness = startMqttSource(scope, broker.url, { ackOrder });
      const first = await broker.connection(1);
      await receiveThree(harness, first);
      first.cut();
      const second = await broker.connection(2);
      for (const packetId of [1, 2, 3, 4]) second.publish({ packetId, payload: `m${packetId}` });
      await harness.received(4);
      harness.ack(0);
      second.accept();
      await eventually(() => assert.equal(second.pubacks, [1]));
      for (const index of [1, 2, 3]) harness.ack(index);
      await eventually(() => assert.equal(second.pubacks, [1, 2, 3, 4]));
      assert.is(harness.deliveries.length, 4);
      assert.is(harness.source.unconfirmed, 0);
    });

    test(`${ackOrder}: messages before the CONNACK of a new session belong to that session`, async () => {
      const broker = scope.use(await startScriptedBroker({ connack: ({ number }) => (number === 1 ? {} : undefined) }));
      const harness = startMqttSource(scope, broker.url, { ackOrder });
      const first = await broker.connection(1);
      await receiveThree(harness, first);
      first.cut();
      const second = await broker.connection(2);
      second.publish({ packetId: 4, payload: 'new' });
      await harness.received(4);
      second.accept({ sessionPresent: false });
      await eventually(() => assert.is(harness.context.ledger.expired, 3));
      for (const index of [0, 1, 2, 3]) harness.ack(index);
      await eventually(() => assert.equal(second.pubacks, [4]));
      assert.is(harness.source.unconfirmed, 0);
      assert.is(harness.context.ledger.settledLate, 3);
      assert.ok(harness.context.ledger.balanced);
    });

    test(`${ackOrder}: a completed message does not acknowledge another that reuses its packet id`, async () => {
      const broker = scope.use(await startScriptedBroker());
      const harness = startMqttSource(scope, broker.url, { ackOrder });
      const first = await broker.connection(1);
      await receiveThree(harness, first);
      first.cut();
      const second = await broker.connection(2);
      second.publish({ packetId: 1, payload: 'another' });
      second.publish({ packetId: 2, payload: 'm2', topic: 'devices/d2' });
      await harness.received(5);
      for (const index of [0, 1]) harness.ack(index);
      await harness.roundTrip(second);
      assert.equal(second.pubacks, [], 'done is the old message, not the one of this packet id');
      harness.ack(3);
      harness.ack(4);
      await eventually(() => assert.equal(second.pubacks, [1, 2]));
      harness.ack(2);
      await harness.roundTrip(second);
      assert.equal(second.pubacks, [1, 2]);
    });

    test(`${ackOrder}: an acknowledged packet id is free for the next message, even an equal one`, async () => {
      const broker = scope.use(await startScriptedBroker());
      const harness = startMqttSource(scope, broker.url, { ackOrder });
      const connection = await broker.connection(1);
      for (const round of [1, 2, 3]) {
        connection.publish({ packetId: 1, payload: 'on' });
        await harness.received(round);
        harness.ack(round - 1);
        await eventually(() => assert.equal(connection.pubacks, Array(round).fill(1)));
      }
      assert.is(harness.context.ledger.acked, 3);
    });

    test(`${ackOrder}: a resend over the same connection causes no second delivery, and one PUBACK`, async () => {
      const broker = scope.use(await startScriptedBroker());
      const harness = startMqttSource(scope, broker.url, { ackOrder });
      const connection = await broker.connection(1);
      connection.publish({ packetId: 1, payload: 'm1' });
      connection.publish({ packetId: 1, payload: 'm1', dup: true });
      connection.publish({ packetId: 2, payload: 'm2' });
      await harness.received(2);
      assert.equal(harness.texts, ['m1', 'm2']);
      harness.ack(0);
      harness.ack(1);
      await eventually(() => assert.equal(connection.pubacks, [1, 2]));
      await harness.roundTrip(connection);
      assert.equal(connection.pubacks, [1, 2]);
    });

    test(`${ackOrder}: with the session lost, unsettled messages expire and are not acknowledged`, async () => {
      const broker = scope.use(await startScriptedBroker({ connack: () => ({ sessionPresent: false }) }));
      const harness = startMqttSource(scope, broker.url, { ackOrder });
      const first = await broker.connection(1);
      await receiveThree(harness, first);
      await eventually(() => assert.is(first.of('subscribe').length, 1));
      harness.ack(2);
      if (ackOrder === 'asCompleted') await eventually(() => assert.equal(first.pubacks, [3]));
      first.cut();
      const second = await broker.connection(2);
      await eventually(() => assert.is(harness.context.ledger.expired, 2));
      assert.is(harness.events('mqtt.session_lost')[0]?.expired, 2);
      assert.is(harness.source.unconfirmed, 0);
      assert.is(harness.context.credit.messages, 2, 'the graph works on them still, and they keep their credit');
      second.publish({ packetId: 1, payload: 'm1', dup: true });
      await harness.received(4);
      for (const index of [0, 1]) harness.ack(index);
      await harness.roundTrip(second);
      assert.equal(second.pubacks, [], 'the late settlements are not for this session');
      assert.is(harness.context.ledger.settledLate, 2);
      assert.is(harness.context.credit.messages, 1);
      harness.ack(3);
      await eventually(() => assert.equal(second.pubacks, [1]));
      assert.is(second.of('subscribe').length, 1, 'a new session is subscribed anew');
      const { received, acked, expired } = harness.context.ledger;
      assert.equal({ received, acked, expired }, { received: 4, acked: 2, expired: 2 });
      assert.ok(harness.context.ledger.balanced);
    });

    test(`${ackOrder}: no message is lost or doubled over twenty broken connections`, async () => {
      // A broker that keeps unacknowledged messages and resends them in order.
      const unacknowledged = new Map<number, string>();
      let acknowledged = 0;
      const broker = scope.use(await startScriptedBroker());
      const harness = startMqttSource(scope, broker.url, { ackOrder, reconnectMinMs: 10, reconnectMaxMs: 10 });
      let next = 1;
      let done = 0;
      for (let number = 1; number <= 20; number += 1) {
        const connection = await broker.connection(number);
        for (const [packetId, payload] of unacknowledged) connection.publish({ packetId, payload, dup: true });
        for (let sent = 0; sent < 20; sent += 1, next += 1) {
          unacknowledged.set(next, `m${next}`);
          connection.publish({ packetId: next, payload: `m${next}` });
        }
        await harness.received(next - 1);
        // Some complete while connected, others while the connection breaks.
        const target = done + 20 - (number % 7);
        const middle = Math.floor((done + target) / 2);
        for (; done < middle; done += 1) harness.ack(done);
        await harness.roundTrip(connection);
        connection.cut();
        for (; done < target; done += 1) harness.ack(done);
        await eventually(() => assert.ok(connection.closed));
        for (const packetId of connection.pubacks) {
          assert.ok(unacknowledged.delete(packetId), `packet ${packetId} is acknowledged once`);
          acknowledged += 1;
        }
      }
      const last = await broker.connection(21);
      for (const [packetId, payload] of unacknowledged) last.publish({ packetId, payload, dup: true });
      for (; done < harness.deliveries.length; done += 1) harness.ack(done);
      await eventually(() => assert.is(acknowledged + last.pubacks.length, 400));
      assert.is(harness.deliveries.length, 400, 'no second delivery');
      assert.is(harness.context.ledger.acked, 400);
      assert.is(harness.source.unconfirmed, 0);
    });
  }
});
