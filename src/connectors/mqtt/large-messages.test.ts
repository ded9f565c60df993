import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import { generate } from 'mqtt-packet';
import * as assert from 'uvu/assert';
import type { ConfigIssue } from '../../config/config-error.ts';
import { parse } from '../../config/parse.ts';
import { eventually } from '../../testing/eventually.ts';
import { startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { type BrokerConnection, startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';
import { mqttSourceSchema } from './config.ts';

const MAX_PAYLOAD_BYTES = 300_000;
const LARGE = Buffer.alloc(1_000_000, 'a large payload ');
const SHA256 = createHash('sha256').update(LARGE).digest('hex');

suite('MQTT messages that are too large', (it) => {
  const { test } = it;
  const scope = testScope(it);

  async function start(settings: Parameters<typeof startMqttSource>[2] = {}) {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { maxPayloadBytes: MAX_PAYLOAD_BYTES, ...settings });
    return { broker, harness, connection: await broker.connection(1) };
  }

  for (const protocolVersion of [4, 5] as const) {
    test(`go to dead-letter, followed by the PUBACK: version ${protocolVersion}`, async () => {
      const { harness, connection } = await start({ protocolVersion });
      const { context } = harness;
      connection.publish({ packetId: 1, payload: 'before' });
      connection.publish({ packetId: 2, payload: LARGE });
      connection.publish({ packetId: 3, payload: 'behind' });
      await harness.received(2);
      assert.equal(harness.texts, ['before', 'behind']);
      harness.ack(0);
      harness.ack(1);
      await eventually(() => assert.equal(connection.pubacks, [1]));
      const [deadLettering] = context.deadLettered;
      assert.is(context.deadLettered.length, 1);
      assert.is(deadLettering?.poison.reason, 'too_large');
      for (const text of ['devices/d1', '1000000', SHA256, 'mqtt.maxPayloadBytes']) {
        assert.match(deadLettering?.poison.message ?? '', text);
      }
      assert.equal(deadLettering?.original.attributes, { mqtt_topic: 'devices/d1' });
      assert.equal(deadLettering?.original.whole, { byteLength: LARGE.length, sha256: SHA256 });
      assert.ok(LARGE.subarray(0, MAX_PAYLOAD_BYTES).equals(deadLettering?.original.data ?? Buffer.alloc(0)));
      assert.is(context.ledger.inFlightBytes, MAX_PAYLOAD_BYTES + 'devices/d1'.length);
      deadLettering?.publish();
      await eventually(() => assert.equal(connection.pubacks, [1, 2, 3]));
      assert.equal([context.ledger.deadLettered, context.ledger.inFlight, context.credit.bytes], [1, 0, 0]);
    });
  }

  test('of QoS 0 go to dead-letter too', async () => {
    const { harness, connection } = await start();
    connection.publish({ packetId: 0, payload: LARGE });
    connection.publish({ packetId: 0, payload: 'behind' });
    await harness.received(1);
    harness.context.deadLettered[0]?.publish();
    assert.is(harness.context.ledger.deadLettered, 1);
    assert.equal(connection.pubacks, []);
  });

  test('attach to the dead-lettering in progress when redelivered', async () => {
    const { broker, harness, connection } = await start();
    const again = (second: BrokerConnection) => second.publish({ packetId: 7, payload: LARGE, dup: true });
    connection.publish({ packetId: 7, payload: LARGE });
    await eventually(() => assert.is(harness.context.deadLettered.length, 1));
    connection.cut();
    const second = await broker.connection(2);
    again(second);
    second.publish({ packetId: 8, payload: 'behind' });
    await harness.received(1);
    assert.is(harness.context.deadLettered.length, 1);
    harness.context.deadLettered[0]?.publish();
    await eventually(() => assert.equal(second.pubacks, [7]));
    assert.is(harness.context.ledger.received, 2);
  });

  test('are redelivered if cut off, and go to dead-letter once', async () => {
    const { broker, harness, connection } = await start();
    const packet = {
      cmd: 'publish',
      topic: 't',
      payload: LARGE,
      qos: 1,
      messageId: 9,
      dup: false,
      retain: false,
    } as const;
    connection.send(generate(packet, { protocolVersion: 5 }).subarray(0, 700_000));
    const { stream } = harness.client;
    await eventually(() => assert.ok(stream instanceof Socket && stream.bytesRead > 700_000));
    connection.cut();
    const second = await broker.connection(2);
    second.publish({ packetId: 9, payload: LARGE, dup: true });
    await eventually(() => assert.is(harness.context.deadLettered.length, 1));
    harness.context.deadLettered[0]?.publish();
    await eventually(() => assert.equal(second.pubacks, [9]));
  });

  test('refuse a broker limit that MQTT 3.1.1 cannot express', () => {
    const issues: ConfigIssue[] = [];
    const settings = { url: 'mqtt://127.0.0.1', clientId: 'x', protocolVersion: 4, maximumPacketSize: 400_000 };
    parse(mqttSourceSchema, settings, issues, 'mqtt');
    assert.equal(
      issues.map(({ path }) => path),
      ['mqtt.maximumPacketSize'],
    );
    assert.match(issues[0]?.problem ?? '', 'mqtt.protocolVersion to 5');
  });

  test('send the broker a limit only if configured', async () => {
    const silent = await start();
    assert.is(silent.connection.connect.properties?.maximumPacketSize, undefined);
    const { harness, connection } = await start({ maximumPacketSize: 400_000 });
    assert.is(connection.connect.properties?.maximumPacketSize, 400_000);
    // Holds even if the broker ignores the limit.
    connection.publish({ packetId: 1, payload: LARGE });
    await eventually(() => assert.is(harness.context.deadLettered.length, 1));
  });
});
