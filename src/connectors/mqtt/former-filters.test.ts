import { connectAsync } from 'mqtt';
import type { IPublishPacket } from 'mqtt-packet';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { type MqttHarness, startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';

suite('Filters of an earlier configuration', (it) => {
  const { test } = it;
  const scope = testScope(it);
  const onMosquitto = (title: string, body: () => Promise<void>): void => {
    if (findMosquitto() === undefined) it.skip(title, 'mosquitto is not installed');
    else test(title, body);
  };

  for (const { what, before, after, settings } of [
    {
      what: 'listed in mqtt.formerFilters',
      before: 'tele/+/SENSOR',
      after: 'tele/#',
      settings: { formerFilters: ['tele/+/SENSOR'] },
    },
    {
      what: 'subscribed before mqtt.shareGroup was set',
      before: 'tele/#',
      after: 'tele/#',
      settings: { shareGroup: 'g' },
    },
    {
      what: 'shared before mqtt.shareGroup was removed, and listed',
      before: '$share/g/tele/#',
      after: 'tele/#',
      settings: { formerFilters: ['$share/g/tele/#'] },
    },
  ]) {
    onMosquitto(`${what}: unsubscribed, and each message comes once`, async () => {
      const broker = scope.use(await startMosquitto());
      const publisher = await connectAsync(broker.url);
      scope.defer(() => publisher.endAsync(true));
      const first = startMqttSource(
        scope,
        broker.url,
        { clientId: 'stable' },
        { subscriptions: [{ filter: before, qos: 1 }] },
      );
      await eventually(() => assert.ok(first.readiness.report.ready));
      await first.stop();
      // The message queued under the old filter is the only copy.
      await publisher.publishAsync('tele/plug1/SENSOR', 'queued', { qos: 1 });
      const second = startMqttSource(
        scope,
        broker.url,
        { clientId: 'stable', ...settings },
        { subscriptions: [{ filter: after, qos: 1 }] },
      );
      await eventually(() => assert.is(second.events('mqtt.unsubscribed').length, 1));
      for (const payload of ['one', 'two']) await publisher.publishAsync('tele/plug1/SENSOR', payload, { qos: 1 });
      await eventually(() => assert.ok(second.texts.includes('two')));
      assert.equal(second.texts, ['queued', 'one', 'two']);
    });
  }

  for (const ackOrder of ['strict', 'asCompleted'] as const) {
    onMosquitto(`${ackOrder}, widened while stopped and not listed: MQTT 5 identifiers show the copies`, async () => {
      const broker = scope.use(await startMosquitto());
      const publisher = await connectAsync(broker.url);
      scope.defer(() => publisher.endAsync(true));
      const publish = (payload: string) => publisher.publishAsync('tele/plug1/SENSOR', payload, { qos: 1 });
      const start = async (filter: string) => {
        const settings = { clientId: 'stable', ackOrder };
        const harness = startMqttSource(scope, broker.url, settings, { subscriptions: [{ filter, qos: 1 }] });
        await eventually(() => assert.ok(harness.readiness.report.ready));
        return harness;
      };
      const finish = async (harness: MqttHarness) => {
        await publisher.publishAsync('tele/last', 'last', { qos: 1 });
        await eventually(() => assert.ok(harness.texts.includes('last')));
        for (const delivery of harness.deliveries) delivery.ack();
        await eventually(() => assert.is(harness.source.unconfirmed, 0));
        await harness.stop();
        return harness.texts;
      };
      const before = await start('tele/+/SENSOR');
      await before.stop();
      await publish('queued');
      const after = await start('tele/#');
      // While messages were queued, nothing shows that the first message also comes through the new filter.
      for (const payload of ['first', 'on', 'on', 'off', 'on']) await publish(payload);
      // Equal messages are separate messages.
      assert.equal(await finish(after), ['queued', 'first', 'first', 'on', 'on', 'off', 'on', 'last']);
      assert.is(after.context.ledger.dropped, 4);
      assert.is(after.events('mqtt.copy_dropped').length, 4);
      // Both copies wait in the session.
      for (const payload of ['x', 'x', 'y']) await publish(payload);
      const again = await start('tele/#');
      assert.equal(await finish(again), ['x', 'x', 'x', 'y', 'last']);
      assert.ok(again.context.ledger.balanced);
      // Nothing waits: each message arrives once.
      const calm = await start('tele/#');
      for (const payload of ['z', 'z', 'y']) await publish(payload);
      assert.equal(await finish(calm), ['z', 'z', 'y', 'last']);
    });
  }

  onMosquitto('of equal messages, one queued by each filter alone, none is lost by a crash', async () => {
    const broker = scope.use(await startMosquitto());
    const publisher = await connectAsync(broker.url);
    scope.defer(() => publisher.endAsync(true));
    const publish = (topic: string, payload: string) => publisher.publishAsync(topic, payload, { qos: 1 });
    const settings = { clientId: 'stable', maxInFlight: 1 };
    const widened = [{ filter: 'tele/#', qos: 1 }] as const;
    const before = startMqttSource(scope, broker.url, settings, {
      subscriptions: [{ filter: 'tele/+/SENSOR', qos: 1 }],
    });
    await eventually(() => assert.ok(before.readiness.report.ready));
    await publish('tele/first/SENSOR', 'first');
    await before.received(1);
    // The first message is not acknowledged, so the broker keeps the later ones.
    await publish('tele/plug1/SENSOR', 'on');
    before.subscriptions.next(widened);
    await eventually(() => assert.is(before.events('mqtt.unsubscribed').length, 1));
    await publish('tele/plug1/SENSOR', 'on');
    before.source.abort();
    await before.source.disconnected;
    const after = startMqttSource(scope, broker.url, settings, { subscriptions: widened });
    await eventually(() => assert.ok(after.readiness.report.ready));
    await publish('tele/last', 'last');
    await after.ackEach(3);
    await eventually(() => assert.ok(after.context.ledger.balanced));
    await after.received(4);
    assert.equal(after.texts, ['first', 'on', 'on', 'last']);
  });

  test('lose no message if equal ones arrive before the UNSUBSCRIBE and with the UNSUBACK', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, {}, { subscriptions: [{ filter: 'a/+', qos: 1 }] });
    const connection = await broker.connection(1);
    await eventually(() => assert.ok(harness.readiness.report.ready));
    const message = (messageId: number, filter: string): IPublishPacket => {
      const { properties } =
        connection.of('subscribe').find(({ subscriptions }) => subscriptions[0]?.topic === filter) ?? {};
      const { subscriptionIdentifier = 0 } = properties ?? {};
      assert.ok(subscriptionIdentifier > 0);
      const flags = { dup: false, retain: false, properties: { subscriptionIdentifier } };
      return { cmd: 'publish', topic: 'a/b', payload: 'on', qos: 1, messageId, ...flags };
    };
    connection.send(message(1, 'a/+'));
    await harness.received(1);
    const send = connection.send.bind(connection);
    connection.send = (...packets) => {
      const [first] = packets;
      const isUnsuback = first !== undefined && 'cmd' in first && first.cmd === 'unsuback';
      send(...packets, ...(isUnsuback ? [message(2, 'a/#')] : []));
    };
    harness.subscriptions.next([{ filter: 'a/#', qos: 1 }]);
    await eventually(() => assert.is(harness.events('mqtt.unsubscribed').length, 1));
    await harness.roundTrip(connection);
    assert.equal(harness.texts, ['on', 'on']);
  });

  for (const protocolVersion of [4, 5] as const) {
    onMosquitto(
      `protocol version ${protocolVersion}: present filters that overlap bring each message once${protocolVersion === 5 ? ', and one more of what waits' : ''}`,
      async () => {
        const broker = scope.use(await startMosquitto());
        const publisher = await connectAsync(broker.url);
        scope.defer(() => publisher.endAsync(true));
        const subscriptions = [
          { filter: '+/events/rpc', qos: 1 },
          { filter: 'tele/+/+', qos: 1 },
        ] as const;
        const settings = { protocolVersion, clientId: 'stable' };
        const topics = ['tele/events/rpc', 'tele/events/rpc', 'x/events/rpc', 'tele/a/b', 'tele/events/rpc'];
        for (const when of ['connected', 'queued']) {
          const harness = startMqttSource(scope, broker.url, settings, { subscriptions });
          await eventually(() => assert.ok(harness.readiness.report.ready));
          if (when === 'connected') for (const topic of topics) await publisher.publishAsync(topic, 'on', { qos: 1 });
          await harness.received(topics.length);
          await publisher.publishAsync('tele/the/last', 'last', { qos: 1 });
          await eventually(() => assert.ok(harness.texts.includes('last')));
          // With identifiers, the first copy of a queued message shows that both filters existed, and passes.
          const more = protocolVersion === 5 && when === 'queued' ? topics.slice(0, 1) : [];
          assert.equal(
            harness.deliveries.map(({ message }) => message.attributes.mqtt_topic),
            [...more, ...topics, 'tele/the/last'],
          );
          for (const delivery of harness.deliveries) delivery.ack();
          await eventually(() => assert.is(harness.source.unconfirmed, 0));
          await harness.stop();
          if (when === 'connected') for (const topic of topics) await publisher.publishAsync(topic, 'on', { qos: 1 });
        }
      },
    );
  }

  test('stay subscribed if configured again, or while their successor is refused', async () => {
    let granted = false;
    const broker = scope.use(
      await startScriptedBroker({
        connack: () => ({ sessionPresent: true }),
        suback: ({ subscriptions }) =>
          subscriptions.map(({ topic, qos }) => (topic === 'tele/#' && !granted ? 0x80 : qos)),
      }),
    );
    const subscriptions = [
      { filter: 'tele/#', qos: 1 },
      { filter: 'kept', qos: 1 },
    ] as const;
    const formerFilters = ['tele/+/SENSOR', 'kept', 'gone'];
    const harness = startMqttSource(scope, broker.url, { formerFilters }, { subscriptions });
    const connection = await broker.connection(1);
    const unsubscribed = () => connection.of('unsubscribe').flatMap(({ unsubscriptions }) => unsubscriptions);
    await eventually(() => assert.equal(unsubscribed(), ['gone']));
    granted = true;
    await eventually(() => assert.equal(unsubscribed(), ['gone', 'tele/+/SENSOR']));
    assert.ok(harness.events('mqtt.subscribe_refused').length > 0);
  });
});
