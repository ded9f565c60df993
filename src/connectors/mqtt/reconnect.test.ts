import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { startFaultProxy } from '../../testing/fault-proxy.ts';
import { ManualScheduler } from '../../testing/manual-scheduler.ts';
import { findMosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { type MqttHarness, startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { type BrokerConnection, startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';

/** A connection that lasts this long counts as working. */
const STABLE_AFTER_MS = 2_000;
/** MQTT 5 reason code: server busy. */
const BUSY = 137;
const OUTAGE_ATTEMPTS = 6;
/** Minutes of virtual time: a wait in real time would miss the deadline of `soon`. */
const FIRST_WAIT_MS = 60_000;
const WAITS = { reconnectMinMs: FIRST_WAIT_MS, reconnectMaxMs: 8 * FIRST_WAIT_MS };
const soon = { deadlineMs: 10_000 };

const waitsOf = (harness: MqttHarness): number[] =>
  harness.events('mqtt.disconnected').map(({ retryInMs }) => Number(retryInMs));

function assertWait(ms: number, factor: number): void {
  const ceiling = FIRST_WAIT_MS * factor;
  assert.ok(ms >= ceiling / 2 && ms <= ceiling, `a wait of ${ms} ms is no jittered ${ceiling} ms`);
}

suite('Reconnecting to a broker', (it) => {
  const { test } = it;
  const scope = testScope(it);

  test('waits as long as logged, doubling from the first failed connection', async () => {
    const scheduler = new ManualScheduler();
    const isOutage = ({ number }: BrokerConnection) => number > 1 && number <= 1 + OUTAGE_ATTEMPTS;
    const broker = scope.use(
      await startScriptedBroker({ connack: (connection) => (isOutage(connection) ? { code: BUSY } : {}) }),
    );
    const harness = startMqttSource(scope, broker.url, WAITS, { scheduler });
    const nextWait = async (count: number): Promise<number> => {
      await eventually(() => assert.is(waitsOf(harness).length, count));
      return waitsOf(harness)[count - 1] ?? 0;
    };
    const connected = (number: number) =>
      eventually(() => assert.is(harness.events('mqtt.connected').length, number, 'accepted connections'), soon);
    await connected(1);
    scheduler.advance(STABLE_AFTER_MS);
    (await broker.connection(1)).cut();

    for (const [index, factor] of [1, 2, 4, 8, 8, 8, 8].entries()) {
      const wait = await nextWait(index + 1);
      assertWait(wait, factor);
      scheduler.advance(wait - 1);
      assert.is(broker.connections.length, index + 1, 'nobody connects before the wait is over');
      scheduler.advance(1);
      await eventually(() => assert.is(broker.connections.length, index + 2), soon);
    }

    await connected(2);
    scheduler.advance(STABLE_AFTER_MS);
    (await broker.connection(2 + OUTAGE_ATTEMPTS)).cut();
    const wait = await nextWait(2 + OUTAGE_ATTEMPTS);
    assertWait(wait, 1);
    scheduler.advance(wait);
    await connected(3);
  });

  test('keeps doubling while connections are accepted but do not last', async () => {
    const scheduler = new ManualScheduler();
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, WAITS, { scheduler });
    for (const [index, factor] of [1, 2, 4, 8].entries()) {
      await eventually(() => assert.is(harness.events('mqtt.connected').length, index + 1), soon);
      scheduler.advance(STABLE_AFTER_MS - 1);
      (await broker.connection(index + 1)).cut();
      await eventually(() => assert.is(waitsOf(harness).length, index + 1));
      const wait = waitsOf(harness)[index] ?? 0;
      assertWait(wait, factor);
      scheduler.advance(wait);
    }
  });

  const name = 'after an outage and a connection that lasted, a blip costs a first wait';
  if (findMosquitto() === undefined) it.skip(name, 'mosquitto is not installed');
  else {
    test(name, async () => {
      const broker = scope.use(await startMosquitto());
      const proxy = scope.use(await startFaultProxy(broker));
      const harness = startMqttSource(scope, `mqtt://127.0.0.1:${proxy.port}`, {
        reconnectMinMs: 100,
        reconnectMaxMs: 8_000,
      });
      const connections = (count: number) =>
        eventually(() => assert.is(harness.events('mqtt.connected').length, count, 'connections'));
      await connections(1);
      await proxy.refuse();
      await eventually(() => assert.ok(Math.max(...waitsOf(harness)) > 2_000));
      await proxy.restore();
      await connections(2);
      const connectedAt = performance.now();
      await eventually(() => assert.ok(performance.now() - connectedAt > STABLE_AFTER_MS));
      const cutAt = performance.now();
      proxy.cut();
      await connections(3);
      const tookMs = performance.now() - cutAt;
      assert.ok(tookMs < 1_500, `reconnected after ${tookMs} ms`);
    });
  }
});
