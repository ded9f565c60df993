import { connectAsync, type MqttClient } from 'mqtt';
import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto } from '../src/testing/mosquitto.ts';
import { mqttBench } from '../src/testing/mqtt-bench.ts';
import type { MqttRig } from '../src/testing/mqtt-rig.ts';
import { suite } from '../src/testing/suite.ts';

suite('The MQTT source on mosquitto', (it) => {
  const bench = mqttBench(it);
  const hasMosquitto = findMosquitto() !== undefined;
  const test = (name: string, body: () => Promise<void>): void => {
    if (hasMosquitto) it.test(name, body);
    else it.skip(name, 'mosquitto is not installed');
  };
  const publisherAt = async (url: string): Promise<MqttClient> => {
    const publisher = await connectAsync(url, { reconnectPeriod: 50 });
    bench.defer(() => publisher.endAsync(true));
    return publisher;
  };
  const ready = (rig: MqttRig) => eventually(() => assert.ok(rig.readiness.report.ready));
  /** The last of what the broker had for the session has come when a message of now has. */
  const marker = async (publisher: MqttClient, rig: MqttRig): Promise<string[]> => {
    await publisher.publishAsync('devices/marker', 'marker', { qos: 1 });
    await eventually(() => assert.ok(rig.texts.includes('marker')));
    return rig.texts.filter((text) => text !== 'marker');
  };

  for (const protocolVersion of [4, 5] as const) {
    test(`protocol version ${protocolVersion}: what is acknowledged is gone, what is not comes again`, async () => {
      const broker = await bench.mosquitto();
      const publisher = await publisherAt(broker.url);
      const session = { protocolVersion, clientId: 'stable', ackOrder: 'asCompleted' } as const;
      const first = bench.rig(broker.url, session);
      await ready(first);
      for (const payload of ['m1', 'm2', 'm3']) await publisher.publishAsync('devices/d1', payload, { qos: 1 });
      await first.received(3);
      first.ack(1);
      await eventually(() => assert.is(first.source.unconfirmed, 2));
      first.abort();
      await first.source.disconnected;
      assert.is(first.desk.ledger.nacked, 2);
      // Meanwhile the session collects.
      await publisher.publishAsync('devices/d1', 'm4', { qos: 1 });
      const second = bench.rig(broker.url, session);
      await second.received(3);
      assert.equal(second.texts, ['m1', 'm3', 'm4']);
      for (const index of [0, 1, 2]) second.ack(index);
      await eventually(() => assert.is(second.source.unconfirmed, 0));
      second.stop();
      await second.source.disconnected;
      const third = bench.rig(broker.url, session);
      assert.equal(await marker(publisher, third), [], 'the broker has forgotten them');
    });

    test(`protocol version ${protocolVersion}: held longer than the keepalive allows, everything flows after`, async () => {
      const broker = await bench.mosquitto();
      const publisher = await publisherAt(broker.url);
      const rig = bench.rig(broker.url, {
        protocolVersion,
        keepAliveSeconds: 3,
        maxInFlight: 50,
        maxInFlightBytes: 20,
      });
      await ready(rig);
      const payloads = Array.from({ length: 500 }, (_, index) => `m${index}`);
      await Promise.all(payloads.map((payload) => publisher.publishAsync('devices/d1', payload, { qos: 1 })));
      await rig.received(10);
      const heldAt = performance.now();
      await eventually(() => assert.ok(performance.now() - heldAt > 6_000));
      assert.ok(rig.source.isHeld);
      assert.is(rig.deliveries.length, 10);
      for (const index of payloads.keys()) {
        if (rig.deliveries.length <= index) await rig.received(index + 1);
        rig.ack(index);
      }
      await eventually(() => assert.is(rig.source.unconfirmed, 0));
      assert.equal(rig.texts, payloads);
      assert.is(rig.desk.credit.peakMessages, 10);
      assert.is(rig.events('mqtt.disconnected').length, 0);
    });
  }

  test('payloads arrive byte for byte, of every QoS', async () => {
    const broker = await bench.mosquitto();
    const publisher = await publisherAt(broker.url);
    const rig = bench.rig(broker.url, {}, [
      { filter: 'zero/+', qos: 0 },
      { filter: 'one/+', qos: 1 },
      { filter: 'two/+', qos: 2 },
    ]);
    await ready(rig);
    assert.equal(
      rig.events('mqtt.qos_lowered').map(({ filter }) => filter),
      ['two/+'],
    );
    const payloads = [
      Buffer.from(Array.from({ length: 256 }, (_, index) => index)),
      Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x00]),
      Buffer.alloc(0),
      Buffer.alloc(300_000, 'Ω'),
    ];
    const sent: [topic: string, payload: Buffer][] = ['zero/a', 'one/b', 'two/c'].flatMap((topic) =>
      payloads.map((payload): [string, Buffer] => [topic, payload]),
    );
    for (const [topic, payload] of sent) await publisher.publishAsync(topic, payload, { qos: 2 });
    await rig.received(sent.length);
    for (const [index, [topic, payload]] of sent.entries()) {
      const { message } = rig.deliveries[index] ?? {};
      assert.is(message?.attributes.mqtt_topic, topic);
      assert.ok(payload.equals(message?.payload ?? Buffer.from('missing')), `${topic}: ${payload.byteLength} bytes`);
      rig.ack(index);
    }
    await eventually(() => assert.is(rig.source.unconfirmed, 0));
    assert.is(rig.desk.ledger.acked, sent.length);
  });

  for (const protocolVersion of [4, 5] as const) {
    test(`protocol version ${protocolVersion}: a restarted broker is red, then green, and nothing is lost`, async () => {
      const broker = await bench.mosquitto();
      const publisher = await publisherAt(broker.url);
      const rig = bench.rig(broker.url, { protocolVersion });
      const states: boolean[] = [];
      rig.readiness.changes.subscribe(({ ready }) => {
        if (states.at(-1) !== ready) states.push(ready);
      });
      await ready(rig);
      const payloads = Array.from({ length: 300 }, (_, index) => `m${index}`);
      const publishing = payloads.map((payload) => publisher.publishAsync('devices/d1', payload, { qos: 1 }));
      await rig.received(100);
      for (let index = 0; index < 50; index += 1) rig.ack(index);
      await broker.stop('SIGTERM');
      await eventually(() => assert.not(rig.readiness.report.ready));
      // Some attempts fail, ever later.
      await eventually(() => assert.ok(rig.events('mqtt.disconnected').length >= 4));
      for (let index = 50; index < 100; index += 1) rig.ack(index);
      await broker.restart();
      await ready(rig);
      await Promise.all(publishing);
      await eventually(() => assert.equal(new Set(rig.texts), new Set(payloads)));
      let next = 100;
      await eventually(() => {
        // A message that comes again may come later than every message has come once.
        for (; next < rig.deliveries.length; next += 1) rig.ack(next);
        assert.is(rig.source.unconfirmed, 0);
      });
      assert.equal(states, [false, true, false, true]);
      const waits = rig.events('mqtt.disconnected').map(({ retryInMs }) => Number(retryInMs));
      for (const [attempt, wait] of waits.entries()) {
        const most = Math.min(100, 20 * 2 ** attempt);
        assert.ok(wait <= most && wait >= most / 2 - 1, `${waits}: doubling, with jitter`);
      }
      assert.ok(rig.desk.ledger.balanced);
    });
  }

  test('a broker that has lost the session is subscribed again, and its messages lapse', async () => {
    const broker = await bench.mosquitto(['autosave_interval 0']);
    const publisher = await publisherAt(broker.url);
    const rig = bench.rig(broker.url);
    await ready(rig);
    await publisher.publishAsync('devices/d1', 'm1', { qos: 1 });
    await rig.received(1);
    await broker.stop('SIGKILL');
    await broker.restart();
    await eventually(() => assert.is(rig.desk.ledger.lapsed, 1));
    await ready(rig);
    rig.ack(0);
    assert.is(rig.desk.ledger.settledLate, 1);
    await publisher.publishAsync('devices/d1', 'm2', { qos: 1 });
    await rig.received(2);
    assert.equal(rig.texts, ['m1', 'm2']);
    rig.ack(1);
    await eventually(() => assert.is(rig.source.unconfirmed, 0));
    assert.ok(rig.desk.ledger.balanced);
  });
});
