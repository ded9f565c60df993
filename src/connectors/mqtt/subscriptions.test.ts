import type { IPublishPacket } from 'mqtt';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { ManualScheduler } from '../../testing/manual-scheduler.ts';
import { startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { type BrokerConnection, startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';

suite('MQTT subscriptions', (it) => {
  const { test } = it;
  const scope = testScope(it);

  /** The filters of each SUBSCRIBE, with the requested QoS. */
  const subscribed = (connection: BrokerConnection): string[][] =>
    connection.of('subscribe').map(({ subscriptions }) => subscriptions.map(({ topic, qos }) => `${topic} ${qos}`));
  const unsubscribed = (connection: BrokerConnection): string[][] =>
    connection.of('unsubscribe').map(({ unsubscriptions }) => unsubscriptions);

  for (const protocolVersion of [4, 5] as const) {
    test(`protocol version ${protocolVersion}: resends a SUBSCRIBE that was cut off`, async () => {
      const broker = scope.use(
        await startScriptedBroker({
          suback: ({ subscriptions }, connection) => {
            if (connection.number > 2) return subscriptions.map(({ qos }) => qos);
            connection.cut();
            return undefined;
          },
        }),
      );
      const harness = startMqttSource(scope, broker.url, { protocolVersion });
      const third = await broker.connection(3);
      await eventually(() => assert.ok(harness.readiness.report.ready));
      assert.equal(subscribed(third), [['devices/+ 1']]);
      assert.is(harness.events('mqtt.subscribed').length, 1);
      assert.is(harness.events('mqtt.subscribe_refused').length, 0);
    });
  }

  for (const protocolVersion of [4, 5] as const) {
    test(`protocol version ${protocolVersion}: every connection subscribes, whether the session is present or not`, async () => {
      const broker = scope.use(
        await startScriptedBroker({ connack: ({ number }) => ({ sessionPresent: number === 2 }) }),
      );
      const harness = startMqttSource(scope, broker.url, { protocolVersion });
      for (const number of [1, 2, 3]) {
        const connection = await broker.connection(number);
        await eventually(() => assert.equal(subscribed(connection), [['devices/+ 1']]));
        await eventually(() => assert.is(harness.events('mqtt.subscribed').length, number));
        assert.ok(harness.readiness.report.ready);
        connection.cut();
      }
    });
  }

  for (const protocolVersion of [4, 5] as const) {
    test(`protocol version ${protocolVersion}: a resumed session is subscribed while its messages wait for credit`, async () => {
      const broker = scope.use(await startScriptedBroker({ connack: () => undefined }));
      const harness = startMqttSource(scope, broker.url, { protocolVersion, maxInFlight: 1 });
      const connection = await broker.connection(1);
      connection.accept({ sessionPresent: true });
      for (const packetId of [1, 2, 3]) connection.publish({ packetId, payload: `${packetId}` });
      await eventually(() => assert.ok(harness.source.isPaused));
      // The broker may have lost the subscription: waiting messages must not delay the SUBSCRIBE.
      await eventually(() => assert.equal(subscribed(connection), [['devices/+ 1']]));
      assert.is(harness.deliveries.length, 1);
    });
  }

  test('a new session is red until it is subscribed', async () => {
    const broker = scope.use(
      await startScriptedBroker({
        connack: () => ({ sessionPresent: false }),
        suback: (_, connection) => (connection.number === 1 ? [1] : undefined),
      }),
    );
    const harness = startMqttSource(scope, broker.url);
    const first = await broker.connection(1);
    await eventually(() => assert.ok(harness.readiness.report.ready));
    first.cut();
    const second = await broker.connection(2);
    await eventually(() => assert.equal(subscribed(second), [['devices/+ 1']]));
    await harness.roundTrip(second);
    assert.not(harness.readiness.report.ready);
    second.send({ cmd: 'suback', messageId: second.of('subscribe')[0]?.messageId ?? 0, granted: [1] });
    await eventually(() => assert.ok(harness.readiness.report.ready));
  });

  test('changed routes change the subscriptions without a reconnect', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(
      scope,
      broker.url,
      {},
      {
        subscriptions: [
          { filter: 'a', qos: 1 },
          { filter: 'b', qos: 1 },
        ],
      },
    );
    const connection = await broker.connection(1);
    await eventually(() => assert.ok(harness.readiness.report.ready));
    harness.subscriptions.next([
      { filter: 'b', qos: 0 },
      { filter: 'c', qos: 1 },
    ]);
    await eventually(() => assert.equal(unsubscribed(connection), [['a']]));
    // One identifier per filter requires one SUBSCRIBE per filter.
    assert.equal(subscribed(connection), [['a 1'], ['b 1'], ['b 0'], ['c 1']]);
    await eventually(() => assert.is(harness.events('mqtt.unsubscribed').length, 1));
    assert.is(broker.connections.length, 1);
    assert.ok(harness.readiness.report.ready);
  });

  test('the last of several quick changes wins', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, {}, { subscriptions: [{ filter: 'f0', qos: 1 }] });
    const connection = await broker.connection(1);
    for (let index = 1; index <= 20; index += 1) harness.subscriptions.next([{ filter: `f${index}`, qos: 1 }]);
    await eventually(() => assert.ok(harness.events('mqtt.subscribed').some(({ filter }) => filter === 'f20')));
    await harness.roundTrip(connection);
    const held = new Set<string>();
    for (const packet of connection.received) {
      if (packet.cmd === 'subscribe') for (const { topic } of packet.subscriptions) held.add(topic);
      if (packet.cmd === 'unsubscribe') for (const topic of packet.unsubscriptions) held.delete(topic);
    }
    assert.equal([...held], ['f20']);
    assert.ok(harness.readiness.report.ready);
  });

  for (const protocolVersion of [4, 5] as const) {
    test(`protocol version ${protocolVersion}: a refused filter is red, and green again when it is removed`, async () => {
      const broker = scope.use(
        await startScriptedBroker({
          suback: ({ subscriptions }) =>
            subscriptions.map(({ topic, qos }) => (topic.startsWith('secret/') ? 0x80 : qos)),
        }),
      );
      const harness = startMqttSource(scope, broker.url, { protocolVersion });
      const connection = await broker.connection(1);
      await eventually(() => assert.ok(harness.readiness.report.ready));
      harness.subscriptions.next([
        { filter: 'devices/+', qos: 1 },
        { filter: 'secret/#', qos: 1 },
        { filter: 'more/+', qos: 1 },
      ]);
      await eventually(() => assert.not(harness.readiness.report.ready));
      assert.match(harness.readiness.report.components['mqtt.subscriptions']?.detail ?? '', 'secret/#');
      assert.equal(
        harness.events('mqtt.subscribe_refused').map(({ filter, asked, code }) => ({ filter, asked, code })),
        [{ filter: 'secret/#', asked: 1, code: 128 }],
      );
      connection.publish({ packetId: 1, payload: 'm1', topic: 'more/d1' });
      await harness.received(1);
      harness.subscriptions.next([
        { filter: 'devices/+', qos: 1 },
        { filter: 'more/+', qos: 1 },
      ]);
      await eventually(() => assert.ok(harness.readiness.report.ready));
      assert.is(broker.connections.length, 1);
    });
  }

  test('a filter granted at a lower QoS is degraded, and unsubscribed when it is removed', async () => {
    const broker = scope.use(await startScriptedBroker({ suback: ({ subscriptions }) => subscriptions.map(() => 0) }));
    const harness = startMqttSource(scope, broker.url);
    const connection = await broker.connection(1);
    await eventually(() => assert.is(harness.events('mqtt.qos_granted_lower').length, 1));
    await eventually(() => assert.ok(harness.readiness.report.ready));
    const { state, detail } = harness.readiness.report.components['mqtt.subscriptions'] ?? {};
    assert.is(state, 'degraded');
    assert.match(detail ?? '', /granted QoS 0 for devices\/\+: .* are lost/);
    harness.subscriptions.next([{ filter: 'other', qos: 0 }]);
    await eventually(() => assert.is(harness.readiness.report.degraded, false));
    // Without it, messages without a route would arrive for as long as the session lives.
    assert.equal(unsubscribed(connection), [['devices/+']]);
  });

  for (const protocolVersion of [4, 5] as const) {
    test(`protocol version ${protocolVersion}: a refused filter is retried over the same connection, and green once granted`, async () => {
      let asked = 0;
      const broker = scope.use(
        await startScriptedBroker({
          suback: ({ subscriptions }) =>
            subscriptions.map(({ topic, qos }) => {
              if (topic !== 'secret/#') return qos;
              asked += 1;
              return asked < 3 ? 0x80 : qos;
            }),
        }),
      );
      const scheduler = new ManualScheduler();
      const subscriptions = [
        { filter: 'devices/+', qos: 1 },
        { filter: 'secret/#', qos: 1 },
      ] as const;
      const harness = startMqttSource(scope, broker.url, { protocolVersion }, { subscriptions, scheduler });
      const connection = await broker.connection(1);
      for (const times of [1, 2]) {
        await eventually(() => assert.is(harness.events('mqtt.subscribe_refused').length, times));
        await harness.roundTrip(connection);
        assert.not(harness.readiness.report.ready);
        assert.is(asked, times, 'not at once');
        scheduler.advance(15_000);
      }
      await eventually(() => assert.ok(harness.readiness.report.ready));
      assert.is(asked, 3);
      assert.is(broker.connections.length, 1);
      assert.is(
        subscribed(connection)
          .flat()
          .filter((each) => each === 'devices/+ 1').length,
        1,
      );
    });
  }

  test('at most mqtt.maxFiltersPerSubscribe filters go into a SUBSCRIBE and an UNSUBSCRIBE', async () => {
    const broker = scope.use(
      await startScriptedBroker({
        suback: ({ subscriptions }, connection) => {
          if (subscriptions.length <= 8) return subscriptions.map(({ qos }) => qos);
          connection.cut();
          return undefined;
        },
      }),
    );
    for (const protocolVersion of [4, 5] as const) {
      const nine = Array.from({ length: 9 }, (_, index) => ({ filter: `area${index}/#`, qos: 1 as const }));
      const harness = startMqttSource(scope, broker.url, { protocolVersion }, { subscriptions: nine });
      await eventually(() => assert.ok(harness.readiness.report.ready));
      harness.subscriptions.next([{ filter: 'other', qos: 1 }]);
      const connection = broker.connections.at(-1);
      if (connection === undefined) throw new Error('there is no connection');
      await eventually(() => assert.is(harness.events('mqtt.unsubscribed').length, 9));
      assert.equal(
        subscribed(connection).flat(),
        [...nine.map(({ filter }) => filter), 'other'].map((filter) => `${filter} 1`),
      );
      assert.equal(
        unsubscribed(connection).map(({ length }) => length),
        [8, 1],
      );
    }
    assert.is(broker.connections.length, 2);
  });

  test('MQTT 5: each filter has its own identifier if the broker supports identifiers', async () => {
    for (const subscriptionIdentifiersAvailable of [true, false]) {
      const connack = () => ({ properties: { subscriptionIdentifiersAvailable } });
      const broker = scope.use(await startScriptedBroker({ connack }));
      const subscriptions = [
        { filter: 'a', qos: 1 },
        { filter: 'b', qos: 1 },
      ] as const;
      const harness = startMqttSource(scope, broker.url, {}, { subscriptions });
      await eventually(() => assert.ok(harness.readiness.report.ready));
      const packets = (await broker.connection(1)).of('subscribe');
      const ids = packets.map(({ properties }) => properties?.subscriptionIdentifier);
      assert.is(new Set(ids).size, subscriptionIdentifiersAvailable ? 2 : 1);
      assert.is(
        ids.every((id) => id !== undefined),
        subscriptionIdentifiersAvailable,
      );
    }
  });

  test('numeric filters get their own answers', async () => {
    const broker = scope.use(
      await startScriptedBroker({
        suback: ({ subscriptions }) => subscriptions.map(({ topic, qos }) => (topic === '7' ? 0x80 : qos)),
      }),
    );
    const subscriptions = [
      { filter: 'b', qos: 1 },
      { filter: '7', qos: 1 },
    ] as const;
    const harness = startMqttSource(scope, broker.url, { protocolVersion: 4 }, { subscriptions });
    await eventually(() => assert.is(harness.events('mqtt.subscribe_refused').length, 1));
    assert.is(harness.events('mqtt.subscribe_refused')[0]?.filter, '7');
  });

  test('a filter whose SUBACK was lost is unsubscribed once it is not wanted', async () => {
    const broker = scope.use(
      await startScriptedBroker({
        suback: ({ subscriptions }, connection) =>
          connection.number === 1 ? undefined : subscriptions.map(({ qos }) => qos),
        connack: ({ number }) => (number === 2 ? undefined : {}),
      }),
    );
    const harness = startMqttSource(scope, broker.url, {}, { subscriptions: [{ filter: 'old', qos: 1 }] });
    const first = await broker.connection(1);
    await eventually(() => assert.equal(subscribed(first), [['old 1']]));
    first.cut();
    const second = await broker.connection(2);
    harness.subscriptions.next([{ filter: 'new', qos: 1 }]);
    second.accept();
    await eventually(() => assert.ok(harness.readiness.report.ready));
    assert.equal(subscribed(second), [['new 1']]);
    await eventually(() => assert.equal(unsubscribed(second), [['old']]));
  });

  test('QoS 2 is subscribed at 1, and logged once', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(
      scope,
      broker.url,
      {},
      {
        subscriptions: [
          { filter: 'two', qos: 2 },
          { filter: 'zero', qos: 0 },
        ],
      },
    );
    const connection = await broker.connection(1);
    await eventually(() => assert.ok(harness.readiness.report.ready));
    harness.subscriptions.next([{ filter: 'two', qos: 2 }]);
    await eventually(() => assert.equal(unsubscribed(connection), [['zero']]));
    assert.equal(subscribed(connection), [['two 1'], ['zero 0']]);
    assert.equal(
      harness.events('mqtt.qos_lowered').map(({ filter }) => filter),
      ['two'],
    );
  });

  const published = (packetId: number): IPublishPacket => ({
    cmd: 'publish',
    topic: 'devices/d1',
    payload: `m${packetId}`,
    qos: 1,
    messageId: packetId,
    dup: false,
    retain: false,
  });
  const refused = {
    'a topic alias, which no client has allowed,': { ...published(2), topic: '', properties: { topicAlias: 1 } },
    'a length that is none': Buffer.from([0x32, 0xff, 0xff, 0xff, 0xff, 0x01]),
  };
  for (const [what, second] of Object.entries(refused)) {
    test(`${what} ends the connection; earlier messages are kept, later ones are redelivered`, async () => {
      const broker = scope.use(await startScriptedBroker());
      const harness = startMqttSource(scope, broker.url);
      const first = await broker.connection(1);
      await eventually(() => assert.ok(harness.readiness.report.ready));
      first.send(published(1), second, published(3));
      const next = await broker.connection(2);
      assert.ok(first.closed);
      assert.equal(harness.texts, ['m1']);
      assert.is(harness.events('mqtt.error').length, 1);
      for (const packetId of [1, 2, 3]) next.publish({ packetId, payload: `m${packetId}`, dup: true });
      await harness.received(3);
      assert.equal(harness.texts, ['m1', 'm2', 'm3']);
      for (const index of [0, 1, 2]) harness.ack(index);
      await eventually(() => assert.equal(next.pubacks, [1, 2, 3]));
    });
  }
});
