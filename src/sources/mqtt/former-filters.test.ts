import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { startMqttSource } from '../../testing/mqtt-harness.ts';
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
      // What was queued under the old filter is the only copy.
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

  test('what is configured again is not unsubscribed, and a filter stays while its successor is refused', async () => {
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
