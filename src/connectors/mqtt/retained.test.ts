import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { startMqtt } from '../../sandbox/mqtt/start-mqtt.ts';
import { eventually } from '../../testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { type MqttHarness, startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';
import { mqttSourceSchema } from './config.ts';

const ready = (harness: MqttHarness) => eventually(() => assert.ok(harness.readiness.report.ready));

suite('Retained messages', (it) => {
  const { test } = it;
  const scope = testScope(it);
  const publisherAt = async (url: string) => {
    const publisher = await connectAsync(url, { reconnectPeriod: 50 });
    scope.defer(() => publisher.endAsync(true));
    const publish = async (topic: string, payload: string, retain = true) => {
      await publisher.publishAsync(topic, payload, { qos: 1, retain });
    };
    return {
      publish,
      /** Returns the messages of a harness, once a new message has arrived and all are acknowledged. */
      receivedBy: async (harness: MqttHarness): Promise<readonly string[]> => {
        await ready(harness);
        await publish('devices/marker', 'marker', false);
        await eventually(() => assert.ok(harness.texts.includes('marker')));
        for (const delivery of harness.deliveries) if (delivery.ackHandle.isOpen) delivery.ack();
        await eventually(() => assert.is(harness.source.unconfirmed, 0));
        return harness.texts.filter((text) => text !== 'marker');
      },
    };
  };

  for (const protocolVersion of [4, 5] as const) {
    const onMosquitto = (title: string, body: () => Promise<void>): void => {
      const name = `protocol version ${protocolVersion}: ${title}`;
      if (findMosquitto() === undefined) it.skip(name, 'mosquitto is not installed');
      else test(name, body);
    };
    const expected = { new: [['a'], [], ['b']], always: [['a'], ['a'], ['a', 'b']], never: [[], [], []] } as const;
    for (const retained of ['new', 'always', 'never'] as const) {
      onMosquitto(`${retained}: at the first start, after a restart, and for a route that an edit adds`, async () => {
        const broker = scope.use(await startMosquitto());
        const { publish, receivedBy } = await publisherAt(broker.url);
        await publish('devices/d1', 'a');
        await publish('more/d1', 'b');
        const settings = { protocolVersion, clientId: 'stable', retained };
        const first = startMqttSource(scope, broker.url, settings);
        assert.equal(await receivedBy(first), expected[retained][0]);
        await first.stop();
        const second = startMqttSource(scope, broker.url, settings);
        assert.equal(await receivedBy(second), expected[retained][1]);
        second.subscriptions.next([
          { filter: 'devices/+', qos: 1 },
          { filter: 'more/+', qos: 1 },
        ]);
        await eventually(() => assert.ok(second.events('mqtt.subscribed').some(({ filter }) => filter === 'more/+')));
        await publish('more/d1', 'live', false);
        await eventually(() => assert.ok(second.texts.includes('live')));
        assert.equal(
          second.texts.filter((text) => text.length === 1),
          expected[retained][2],
        );
        const live = second.deliveries.find(({ message }) => Buffer.from(message.payload).toString() === 'live');
        assert.is(live?.message.attributes.mqtt_retained, undefined);
        for (const { message } of second.deliveries) {
          if (message.payload.length === 1) assert.is(message.attributes.mqtt_retained, 'true');
        }
        assert.ok(second.context.ledger.balanced);
      });
    }

    onMosquitto('new: a message that was retained while the service was stopped comes once', async () => {
      const broker = scope.use(await startMosquitto());
      const { publish, receivedBy } = await publisherAt(broker.url);
      const settings = { protocolVersion, clientId: 'stable' };
      const first = startMqttSource(scope, broker.url, settings);
      assert.equal(await receivedBy(first), []);
      await first.stop();
      await publish('devices/d1', 'meanwhile');
      assert.equal(await receivedBy(startMqttSource(scope, broker.url, settings)), ['meanwhile']);
    });

    onMosquitto('a subscription that the broker has forgotten, with the session present, is made again', async () => {
      const broker = scope.use(await startMosquitto());
      const { publish } = await publisherAt(broker.url);
      const harness = startMqttSource(scope, broker.url, { protocolVersion, clientId: 'stable' });
      await ready(harness);
      // An old save has the session but not the subscription.
      await harness.client.unsubscribeAsync('devices/+');
      await broker.stop('SIGTERM');
      await broker.restart();
      await eventually(() => assert.is(harness.events('mqtt.connected').at(1)?.sessionPresent, true));
      await eventually(() => assert.is(harness.events('mqtt.subscribed').length, 2));
      await publish('devices/d1', 'after', false);
      await harness.received(1);
      assert.equal(harness.texts, ['after']);
    });
  }

  test('MQTT 3.1.1, new, on the sandbox: messages retained while the service was stopped arrive once', async () => {
    const broker = scope.use(await startMqtt());
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const { publish, receivedBy } = await publisherAt(url);
    const settings = { protocolVersion: 4, clientId: 'stable' } as const;
    const first = startMqttSource(scope, url, settings);
    await publish('devices/d2', 'before');
    await receivedBy(first);
    await first.stop();
    await publish('devices/d1', 'meanwhile');
    const second = startMqttSource(scope, url, settings);
    assert.equal(await receivedBy(second), ['meanwhile']);
    assert.ok(second.context.ledger.dropped > 0, 'aedes sends retained messages at every SUBSCRIBE');
  });

  test('MQTT 3.1.1, new: a redelivery is not left out, and omitted messages are acknowledged', async () => {
    const broker = scope.use(await startScriptedBroker({ connack: () => ({ sessionPresent: true }) }));
    const harness = startMqttSource(scope, broker.url, { protocolVersion: 4 });
    const connection = await broker.connection(1);
    await ready(harness);
    const packet = { cmd: 'publish', topic: 'devices/d1', qos: 1, retain: true } as const;
    connection.send({ ...packet, messageId: 1, payload: 'again', dup: false });
    connection.send({ ...packet, messageId: 2, payload: 'redelivered', dup: true });
    await harness.received(1);
    harness.ack(0);
    await eventually(() => assert.equal(connection.pubacks, [1, 2]));
    assert.equal(harness.texts, ['redelivered']);
    assert.is(harness.context.ledger.dropped, 1);
    assert.is(harness.events('mqtt.retained_left_out').length, 1);
  });

  test('MQTT 5: SUBSCRIBE requests the configured retained messages', async () => {
    const broker = scope.use(await startScriptedBroker());
    for (const [index, [retained, rh]] of (
      [
        ['new', 1],
        ['always', 0],
        ['never', 2],
      ] as const
    ).entries()) {
      await ready(startMqttSource(scope, broker.url, { retained }));
      const [options] = broker.connections[index]?.of('subscribe')[0]?.subscriptions ?? [];
      assert.equal({ rh: options?.rh, rap: options?.rap }, { rh, rap: false });
    }
  });

  test('refuses always together with a share group', () => {
    const parsed = v.safeParse(mqttSourceSchema, {
      url: 'mqtt://broker:1883',
      clientId: 'c',
      retained: 'always',
      shareGroup: 'g',
    });
    assert.match(parsed.issues?.[0].message ?? '', 'remove mqtt.shareGroup');
    assert.is(parsed.issues?.[0].path?.map(({ key }) => key).join('.'), 'retained');
  });
});
