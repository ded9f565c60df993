import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';

/** MQTT 5 reason code: another client connected with the same client id. */
const SESSION_TAKEN_OVER = 142;

suite('MQTT sessions', (it) => {
  const { test } = it;
  const scope = testScope(it);

  for (const protocolVersion of [4, 5] as const) {
    const title = `protocol version ${protocolVersion}: a session that mosquitto has lost is an event, with nothing in flight`;
    if (findMosquitto() === undefined) it.skip(title, 'mosquitto is not installed');
    else {
      test(title, async () => {
        const broker = scope.use(await startMosquitto(['autosave_interval 0']));
        const harness = startMqttSource(scope, broker.url, { protocolVersion });
        await eventually(() => assert.ok(harness.readiness.report.ready));
        assert.equal(harness.events('mqtt.session_lost'), [], 'the first session is not a lost one');
        await broker.stop('SIGTERM');
        await broker.restart();
        await eventually(() => assert.is(harness.events('mqtt.connected').length, 2));
        await eventually(() => assert.ok(harness.readiness.report.ready));
        assert.equal(harness.events('mqtt.session_lost'), [], 'it was saved');
        await broker.stop('SIGKILL');
        await broker.forget();
        await broker.restart();
        await eventually(() => assert.is(harness.events('mqtt.session_lost').length, 1));
        assert.is(harness.events('mqtt.session_lost')[0]?.expired, 0);
        await eventually(() => assert.ok(harness.readiness.report.ready));
      });
    }
  }

  test('a shortened session is logged and degraded, until it is granted as requested', async () => {
    const broker = scope.use(
      await startScriptedBroker({
        connack: ({ number }) => ({ properties: number === 1 ? { sessionExpiryInterval: 60 } : {} }),
      }),
    );
    const harness = startMqttSource(scope, broker.url, { sessionExpirySeconds: 3_600 });
    const first = await broker.connection(1);
    await eventually(() => assert.is(harness.events('mqtt.session_shortened').length, 1));
    const { askedSeconds, grantedSeconds } = harness.events('mqtt.session_shortened')[0] ?? {};
    assert.equal([askedSeconds, grantedSeconds], [3_600, 60]);
    assert.is(harness.readiness.report.components['mqtt.session']?.state, 'degraded');
    await eventually(() => assert.ok(harness.readiness.report.ready));
    first.cut();
    await eventually(() => assert.is(harness.readiness.report.components['mqtt.session']?.state, 'ok'));
    assert.is(harness.events('mqtt.session_shortened').length, 1);
  });

  test('a session granted for the requested time or longer is not reported', async () => {
    for (const sessionExpiryInterval of [3_600, 0xffff_ffff]) {
      const broker = scope.use(
        await startScriptedBroker({ connack: () => ({ properties: { sessionExpiryInterval } }) }),
      );
      const harness = startMqttSource(scope, broker.url, { sessionExpirySeconds: 3_600 });
      await eventually(() => assert.ok(harness.readiness.report.ready));
      assert.equal(harness.events('mqtt.session_shortened'), []);
      assert.not(harness.readiness.report.degraded);
    }
  });

  test('a second client with the same id is reported at the first DISCONNECT with reason 142', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url);
    const first = await broker.connection(1);
    await eventually(() => assert.ok(harness.readiness.report.ready));
    first.send({ cmd: 'disconnect', reasonCode: SESSION_TAKEN_OVER });
    first.cut();
    await eventually(() => assert.is(harness.events('mqtt.session_taken_over').length, 1));
  });

  test('a broker that hangs up on a SUBSCRIBE is not blamed on a second client', async () => {
    const broker = scope.use(
      await startScriptedBroker({
        suback: (_, connection) => {
          connection.cut();
          return undefined;
        },
      }),
    );
    const harness = startMqttSource(scope, broker.url);
    await eventually(() => assert.ok(harness.events('mqtt.connections_cut').length > 0));
    assert.is(harness.events('mqtt.connections_cut')[0]?.subackReceived, false);
    assert.equal(harness.events('mqtt.session_taken_over'), []);
  });
});
