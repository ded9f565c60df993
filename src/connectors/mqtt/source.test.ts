import { connectAsync, type MqttClient } from 'mqtt';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { type MqttHarness, startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';

suite('The MQTT source on mosquitto', (it) => {
  const scope = testScope(it);
  const hasMosquitto = findMosquitto() !== undefined;
  const test = (name: string, body: () => Promise<void>): void => {
    if (hasMosquitto) it.test(name, body);
    else it.skip(name, 'mosquitto is not installed');
  };
  const publisherAt = async (url: string): Promise<MqttClient> => {
    const publisher = await connectAsync(url, { reconnectPeriod: 50 });
    scope.defer(() => publisher.endAsync(true));
    return publisher;
  };
  const ready = (harness: MqttHarness) => eventually(() => assert.ok(harness.readiness.report.ready));
  /** Once a new message arrives, everything that the broker had for the session has arrived. */
  const marker = async (publisher: MqttClient, harness: MqttHarness): Promise<string[]> => {
    await publisher.publishAsync('devices/marker', 'marker', { qos: 1 });
    await eventually(() => assert.ok(harness.texts.includes('marker')));
    return harness.texts.filter((text) => text !== 'marker');
  };

  for (const protocolVersion of [4, 5] as const) {
    test(`protocol version ${protocolVersion}: acknowledged messages are gone, others are redelivered`, async () => {
      const broker = scope.use(await startMosquitto());
      const publisher = await publisherAt(broker.url);
      const session = { protocolVersion, clientId: 'stable', ackOrder: 'asCompleted' } as const;
      const first = startMqttSource(scope, broker.url, session);
      await ready(first);
      for (const payload of ['m1', 'm2', 'm3']) await publisher.publishAsync('devices/d1', payload, { qos: 1 });
      await first.received(3);
      first.ack(1);
      await eventually(() => assert.is(first.source.unconfirmed, 2));
      first.abort();
      await first.source.disconnected;
      assert.is(first.context.ledger.nacked, 2);
      // The session keeps collecting in the meantime.
      await publisher.publishAsync('devices/d1', 'm4', { qos: 1 });
      const second = startMqttSource(scope, broker.url, session);
      await second.received(3);
      assert.equal(second.texts, ['m1', 'm3', 'm4']);
      for (const index of [0, 1, 2]) second.ack(index);
      await eventually(() => assert.is(second.source.unconfirmed, 0));
      second.stop();
      await second.source.disconnected;
      const third = startMqttSource(scope, broker.url, session);
      assert.equal(await marker(publisher, third), [], 'the broker has forgotten them');
    });
  }

  test('payloads arrive byte for byte, at every QoS', async () => {
    const broker = scope.use(await startMosquitto());
    const publisher = await publisherAt(broker.url);
    const harness = startMqttSource(
      scope,
      broker.url,
      {},
      {
        subscriptions: [
          { filter: 'zero/+', qos: 0 },
          { filter: 'one/+', qos: 1 },
          { filter: 'two/+', qos: 2 },
        ],
      },
    );
    await ready(harness);
    assert.equal(
      harness.events('mqtt.qos_lowered').map(({ filter }) => filter),
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
    await harness.received(sent.length);
    for (const [index, [topic, payload]] of sent.entries()) {
      const { message } = harness.deliveries[index] ?? {};
      assert.is(message?.attributes.mqtt_topic, topic);
      assert.ok(payload.equals(message?.payload ?? Buffer.from('missing')), `${topic}: ${payload.byteLength} bytes`);
      harness.ack(index);
    }
    await eventually(() => assert.is(harness.source.unconfirmed, 0));
    assert.is(harness.context.ledger.acked, sent.length);
  });

  for (const protocolVersion of [4, 5] as const) {
    test(`protocol version ${protocolVersion}: a restarted broker is red, then green, and nothing is lost`, async () => {
      const broker = scope.use(await startMosquitto());
      const publisher = await publisherAt(broker.url);
      const harness = startMqttSource(scope, broker.url, { protocolVersion, reconnectMinMs: 20, reconnectMaxMs: 100 });
      const states: boolean[] = [];
      harness.readiness.changes.subscribe(({ ready }) => {
        if (states.at(-1) !== ready) states.push(ready);
      });
      await ready(harness);
      const payloads = Array.from({ length: 300 }, (_, index) => `m${index}`);
      const publishing = payloads.map((payload) => publisher.publishAsync('devices/d1', payload, { qos: 1 }));
      await harness.received(100);
      for (let index = 0; index < 50; index += 1) harness.ack(index);
      await broker.stop('SIGTERM');
      await eventually(() => assert.not(harness.readiness.report.ready));
      // Several attempts fail, with growing delays.
      await eventually(() => assert.ok(harness.events('mqtt.disconnected').length >= 4));
      for (let index = 50; index < 100; index += 1) harness.ack(index);
      await broker.restart();
      await ready(harness);
      await Promise.all(publishing);
      await eventually(() => assert.equal(new Set(harness.texts), new Set(payloads)));
      let next = 100;
      await eventually(() => {
        // A redelivery may arrive after every message has arrived once.
        for (; next < harness.deliveries.length; next += 1) harness.ack(next);
        assert.is(harness.source.unconfirmed, 0);
      });
      assert.equal(states, [false, true, false, true]);
      const waits = harness.events('mqtt.disconnected').map(({ retryInMs }) => Number(retryInMs));
      for (const [attempt, wait] of waits.entries()) {
        const most = Math.min(100, 20 * 2 ** attempt);
        assert.ok(wait <= most && wait >= most / 2 - 1, `${waits}: doubling, with jitter`);
      }
      assert.ok(harness.context.ledger.balanced);
    });
  }

  test('resubscribes at a broker that lost the session, and expires its messages', async () => {
    const broker = scope.use(await startMosquitto(['autosave_interval 0']));
    const publisher = await publisherAt(broker.url);
    const harness = startMqttSource(scope, broker.url);
    await ready(harness);
    await publisher.publishAsync('devices/d1', 'm1', { qos: 1 });
    await harness.received(1);
    await broker.stop('SIGKILL');
    await broker.restart();
    await eventually(() => assert.is(harness.context.ledger.expired, 1));
    await ready(harness);
    harness.ack(0);
    assert.is(harness.context.ledger.settledLate, 1);
    await publisher.publishAsync('devices/d1', 'm2', { qos: 1 });
    await harness.received(2);
    assert.equal(harness.texts, ['m1', 'm2']);
    harness.ack(1);
    await eventually(() => assert.is(harness.source.unconfirmed, 0));
    assert.ok(harness.context.ledger.balanced);
  });
});
