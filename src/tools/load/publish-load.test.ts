import * as assert from 'uvu/assert';
import { collectMqtt } from '../../testing/collect-mqtt.ts';
import { eventually } from '../../testing/eventually.ts';
import { startFaultProxy } from '../../testing/fault-proxy.ts';
import { findMosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { testScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { Fleet } from './fleet.ts';
import { newLoadProgress, publishLoad } from './publish-load.ts';
import { publisherSettings } from './publisher-settings.ts';

suite('the load', (it) => {
  const { test } = it;
  const scope = testScope(it);
  const fleet = new Fleet({ devices: 20, seed: 1, runId: 'r' });

  /** Runs the tests on each installed broker. */
  const brokers: [string, () => Promise<string>][] = [
    ["the sandbox's broker", async () => (await startServers(scope, { parts: ['mqtt'] })).sandbox.env.MQTT_URL ?? ''],
    ['mosquitto', async () => scope.use(await startMosquitto()).url],
  ];

  for (const [name, start] of brokers) {
    const onBroker: typeof test = (title, body, timeoutMs) => {
      if (name === 'mosquitto' && findMosquitto() === undefined) it.skip(title, 'mosquitto is not installed');
      else test(title, body, timeoutMs);
    };

    for (const qos of [0, 1, 2] as const) {
      onBroker(`${name}, QoS ${qos}: each message once, in the order of its device, at the rate`, async () => {
        const url = await start();
        const got = await collectMqtt(scope, url);
        const progress = newLoadProgress();
        const { stoppedBy, sendingSeconds } = await publishLoad(
          fleet.readings(1_000),
          {
            broker: publisherSettings({ url }),
            ratePerSecond: 1_000,
            qos,
            connections: 3,
            laneOf: ({ index }) => index,
          },
          progress,
        );
        assert.is(stoppedBy, 'end');
        const { sent, confirmed, refused, unconfirmed, resent, reconnects } = progress;
        assert.equal([sent, confirmed, refused, unconfirmed, resent, reconnects], [1_000, 1_000, 0, 0, 0, 0]);
        assert.ok(sendingSeconds > 0.99, `sent in ${sendingSeconds} s`);
        await eventually(() => assert.is(got.length, 1_000));
        assert.ok(got.every((message) => message.qos === qos));
        const byTopic = Map.groupBy(got, ({ topic }) => topic);
        assert.is(byTopic.size, 20);
        for (const own of byTopic.values()) {
          const sequences = own.map(({ payload }) => JSON.parse(payload.toString()).sequence);
          assert.equal(
            sequences,
            Array.from(sequences, (_, index) => index),
          );
        }
        const { p50, max } = progress.latency.summary;
        assert.ok(p50 !== null && max !== null && p50 <= max * 1.01, `p50 ${p50}, max ${max}`);
      });
    }

    onBroker(`${name}: connections that are cut are made again, and the books stay exact`, async () => {
      const url = await start();
      const got = await collectMqtt(scope, url);
      const proxy = scope.use(await startFaultProxy({ port: Number(new URL(url).port) }));
      const progress = newLoadProgress();
      const broker = { ...publisherSettings({ url: `mqtt://127.0.0.1:${proxy.port}` }), reconnectMinMs: 50 };
      const running = publishLoad(fleet.readings(3_000), { broker, ratePerSecond: 2_000 }, progress);
      for (const point of [500, 1_200]) {
        await eventually(() => assert.ok(progress.confirmed > point));
        proxy.cut();
      }
      assert.is((await running).stoppedBy, 'end');
      assert.equal([progress.sent, progress.confirmed, progress.unconfirmed], [3_000, 3_000, 0]);
      assert.is(progress.reconnects, 2);
      const ids = () => new Set(got.map(({ payload }) => JSON.parse(payload.toString()).message_id)).size;
      await eventually(() => assert.is(ids(), 3_000));
      assert.ok(got.length - 3_000 <= progress.resent, `${got.length} came, ${progress.resent} were sent again`);
    });

    onBroker(`${name}: a pause of the broker shows in the latency of all that was due within it`, async () => {
      const url = await start();
      const proxy = scope.use(await startFaultProxy({ port: Number(new URL(url).port) }));
      const progress = newLoadProgress();
      const broker = publisherSettings({ url: `mqtt://127.0.0.1:${proxy.port}` });
      // The window is full after 20 ms of the pause: 980 of the thousand messages could not even be sent.
      const running = publishLoad(fleet.readings(2_000), { broker, ratePerSecond: 1_000, window: 20 }, progress);
      await eventually(() => assert.ok(progress.confirmed > 300));
      proxy.stall();
      setTimeout(() => proxy.restore(), 1_000);
      await running;
      assert.is(progress.confirmed, 2_000);
      const { max } = progress.latency.summary;
      assert.ok((max ?? 0) > 900, `max ${max}`);
      // Half of the thousand messages due during the pause waited for at least half of it: a quarter of all.
      assert.ok((progress.latency.quantile(0.8) ?? 0) > 250, `p80 ${progress.latency.quantile(0.8)}`);
    });

    onBroker(
      `${name}: one that stops confirming ends the load, and the counts show the unconfirmed messages`,
      async () => {
        const url = await start();
        const proxy = scope.use(await startFaultProxy({ port: Number(new URL(url).port) }));
        const progress = newLoadProgress();
        const running = publishLoad(
          fleet.readings(1_000_000),
          { broker: publisherSettings({ url: `mqtt://127.0.0.1:${proxy.port}` }), window: 100, stalledAfterMs: 1_000 },
          progress,
        );
        await eventually(() => assert.ok(progress.confirmed > 300));
        proxy.stall();
        const { stoppedBy } = await running;
        assert.match(
          String(stoppedBy),
          "100 messages have been waiting for the broker's confirmation for more than 1 s",
        );
        assert.is(progress.unconfirmed, 100);
        assert.is(progress.sent, progress.confirmed + 100);
      },
    );
  }

  test('stops at the signal, and waits for messages in flight', async () => {
    const { sandbox } = await startServers(scope, { parts: ['mqtt'] });
    const url = sandbox.env.MQTT_URL ?? '';
    const got = await collectMqtt(scope, url);
    const progress = newLoadProgress();
    const stop = new AbortController();
    const running = publishLoad(
      fleet.readings(1_000_000),
      { broker: publisherSettings({ url }), ratePerSecond: 5, signal: stop.signal },
      progress,
    );
    await eventually(() => assert.is(progress.sent, 2));
    stop.abort();
    assert.is((await running).stoppedBy, 'signal');
    assert.equal([progress.confirmed, progress.unconfirmed], [2, 0]);
    await eventually(() => assert.is(got.length, 2));
  });

  test('ends when its time is over, also with a rate that no broker accepts', async () => {
    const { sandbox } = await startServers(scope, { parts: ['mqtt'] });
    const progress = newLoadProgress();
    const { stoppedBy, sendingSeconds } = await publishLoad(
      fleet.readings(1_000_000_000),
      {
        broker: publisherSettings({ url: sandbox.env.MQTT_URL ?? '' }),
        ...{ ratePerSecond: 10_000_000, lastsMs: 500 },
      },
      progress,
    );
    assert.is(stoppedBy, 'time');
    assert.ok(sendingSeconds >= 0.5 && sendingSeconds < 30, `${sendingSeconds} s`);
    assert.ok(progress.sent > 0 && progress.unconfirmed === 0 && progress.confirmed === progress.sent);
  });

  if (findMosquitto() === undefined) it.skip('mosquitto with MQTT 5', 'mosquitto is not installed');
  else
    test('counts messages that an MQTT 5 broker refuses, and those without a subscriber', async () => {
      const mosquitto = scope.use(await startMosquitto());
      const progress = newLoadProgress();
      const broker = publisherSettings({ url: mosquitto.url, protocolVersion: 5 });
      const odd = Array.from({ length: 100 }, (_, index) => ({
        topic: index % 4 === 0 ? '$SYS/refused' : 'heard/by/nobody',
        payload: Buffer.from('x'),
      }));
      await publishLoad(odd, { broker }, progress);
      assert.equal([progress.sent, progress.confirmed, progress.refused, progress.unheard], [100, 75, 25, 75]);
      assert.equal([...progress.refusals.values()], [25]);
    });

  test('an unreachable broker fails it before anything is sent', async () => {
    const { sandbox } = await startServers(scope, { parts: ['mqtt'] });
    const proxy = await startFaultProxy({ port: Number(new URL(sandbox.env.MQTT_URL ?? '').port) });
    await proxy.close();
    const progress = newLoadProgress();
    const url = `mqtt://user:hidden@127.0.0.1:${proxy.port}`;
    const failed = publishLoad(fleet.readings(10), { broker: publisherSettings({ url }), connections: 3 }, progress);
    const error = await failed.then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    assert.match(error?.message ?? '', `mqtt://127.0.0.1:${proxy.port}: connect ECONNREFUSED`);
    assert.not.match(error?.message ?? '', 'hidden');
    assert.is(progress.sent, 0);
  });
});
