import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { startFaultProxy } from '../../testing/fault-proxy.ts';
import { findMosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { startScriptedBroker } from '../../testing/scripted-broker.ts';
import { sized } from '../../testing/size.ts';
import { suite } from '../../testing/suite.ts';

/** Keepalive intervals for which a connection is paused. A broker cuts off a silent client after 1.5. */
const HELD_KEEPALIVES = sized({ full: 3.5, short: 2 });

suite('A paused connection and its keepalive', (it) => {
  const scope = testScope(it);

  for (const protocolVersion of [4, 5] as const) {
    it.test(
      `in protocol version ${protocolVersion}, the connection is paused at maxInFlight, and pings keep it alive`,
      async () => {
        const broker = scope.use(await startScriptedBroker());
        const keepAliveSeconds = 1;
        const harness = startMqttSource(scope, broker.url, { protocolVersion, keepAliveSeconds, maxInFlight: 5 });
        const connection = await broker.connection(1);
        const payloads = Array.from({ length: 20 }, (_, index) => `m${index + 1}`);
        for (const [index, payload] of payloads.entries()) connection.publish({ packetId: index + 1, payload });
        await harness.received(5);
        const heldAt = performance.now();
        assert.ok(harness.source.isPaused);
        assert.ok(harness.events('mqtt.paused').length > 0);
        // The broker cuts off a silent client, and MQTT.js one whose pings are not answered.
        const pings = () => connection.of('pingreq').length;
        const isOver = () =>
          performance.now() - heldAt > HELD_KEEPALIVES * 1_000 * keepAliveSeconds && pings() >= 2 * HELD_KEEPALIVES;
        await eventually(() => assert.ok(connection.closed || isOver()));
        assert.is(broker.connections.length, 1);
        assert.not(connection.closed);
        assert.is(harness.deliveries.length, 5);
        await harness.ackEach(20);
        await eventually(() => assert.is(connection.pubacks.length, 20));
        assert.equal(harness.texts, payloads);
        assert.is(harness.context.credit.peakMessages, 5);
        assert.not(harness.source.isPaused);
        assert.is(broker.connections.length, 1);
      },
    );
  }

  it.test("honors the broker's shorter keepalive while the connection is paused", async () => {
    const broker = scope.use(await startScriptedBroker({ connack: () => ({ properties: { serverKeepAlive: 1 } }) }));
    const harness = startMqttSource(scope, broker.url, { protocolVersion: 5, keepAliveSeconds: 60, maxInFlight: 1 });
    const connection = await broker.connection(1);
    connection.publish({ packetId: 1, payload: 'm1' });
    connection.publish({ packetId: 2, payload: 'm2' });
    await harness.received(1);
    const heldAt = performance.now();
    await eventually(() => assert.ok(connection.closed || performance.now() - heldAt > HELD_KEEPALIVES * 1_000));
    assert.not(connection.closed, 'the connection stands');
    await harness.ackEach(2);
    await eventually(() => assert.equal(connection.pubacks, [1, 2]));
    assert.is(broker.connections.length, 1);
  });

  for (const [what, maxPayloadBytes] of [
    ['a large message', 16_000_000],
    ['a message that is too large', 1_000_000],
  ] as const) {
    const title = `mosquitto: ${what} that takes longer than the keepalive allows arrives over one connection`;
    if (findMosquitto() === undefined) {
      it.skip(title, 'mosquitto is not installed');
      continue;
    }
    it.test(title, async () => {
      const broker = scope.use(await startMosquitto());
      const proxy = scope.use(await startFaultProxy(broker));
      const publisher = await connectAsync(broker.url);
      scope.defer(() => publisher.endAsync(true));
      const harness = startMqttSource(scope, `mqtt://127.0.0.1:${proxy.port}`, {
        keepAliveSeconds: 1,
        maxPayloadBytes,
      });
      await eventually(() => assert.ok(harness.readiness.report.ready));
      proxy.throttle(1_000_000);
      // The PINGRESP follows it: 4 s, including data already in the broker's socket.
      await publisher.publishAsync('devices/d1', Buffer.alloc(4_000_000), { qos: 1 });
      await eventually(() => assert.is(harness.deliveries.length + harness.context.deadLettered.length, 1));
      assert.is(harness.events('mqtt.disconnected').length, 0);
    });
  }

  for (const protocolVersion of [4, 5] as const) {
    const title = `mosquitto, protocol version ${protocolVersion}: held longer than the keepalive allows, everything flows after`;
    if (findMosquitto() === undefined) {
      it.skip(title, 'mosquitto is not installed');
      continue;
    }
    // Length of the properties, and a subscription identifier of four bytes.
    const propertyBytes = protocolVersion === 5 ? 1 + 1 + 4 : 0;
    // Fixed header, topic with its length, packet id, properties, and a payload such as m0.
    const packetBytes = 2 + 2 + 'devices/d1'.length + 2 + propertyBytes + 'm0'.length;
    it.long(title, async () => {
      const broker = scope.use(await startMosquitto());
      const publisher = await connectAsync(broker.url);
      scope.defer(() => publisher.endAsync(true));
      const harness = startMqttSource(scope, broker.url, {
        protocolVersion,
        keepAliveSeconds: 3,
        maxInFlight: 50,
        maxInFlightBytes: 10 * packetBytes,
      });
      await eventually(() => assert.ok(harness.readiness.report.ready));
      const payloads = Array.from({ length: 500 }, (_, index) => `m${index}`);
      await Promise.all(payloads.map((payload) => publisher.publishAsync('devices/d1', payload, { qos: 1 })));
      await harness.received(10);
      const heldAt = performance.now();
      await eventually(() => assert.ok(performance.now() - heldAt > 6_000));
      assert.ok(harness.source.isPaused);
      assert.is(harness.deliveries.length, 10);
      await harness.ackEach(500);
      await eventually(() => assert.is(harness.source.unconfirmed, 0));
      assert.equal(harness.texts, payloads);
      assert.is(harness.context.credit.peakMessages, 10);
      assert.is(harness.events('mqtt.disconnected').length, 0);
    });
  }
});
