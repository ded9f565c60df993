import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { startFaultProxy } from '../src/testing/fault-proxy.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import type { ServiceProcess } from '../src/testing/service-process.ts';
import { suite } from '../src/testing/suite.ts';
import { openService, type TestService } from '../src/testing/test-run.ts';

const MESSAGES = 6_000;
const RATE = 1_500;
const WINDOW = 200;
const TEST_TIMEOUT_MS = 120_000;

suite('replicas of ingestion', (it) => {
  const { long, skip, before, afterEach } = it;
  if (findMosquitto() === undefined) {
    skip('share the messages', 'mosquitto is not installed');
    return;
  }
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  let broker: Mosquitto;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub', 'firestore'] });
    broker = whole.use(await startMosquitto());
  });
  afterEach(() => servers.sandbox.faults.clear());

  const open = (env: Readonly<Record<string, string>> = {}): Promise<TestService> =>
    openService(scope, 'ingestion', {
      projectId: servers.sandbox.projectId,
      mqttUrl: broker.url,
      env: { MQTT_PROTOCOL_VERSION: '5', DATAFLOW_MQTT__MAX_IN_FLIGHT: String(WINDOW), ...env },
    });
  const startMember = (
    { resources: { runId }, start }: TestService,
    ordinal: number,
    env: Readonly<Record<string, string>> = {},
  ): Promise<ServiceProcess> =>
    start({ MQTT_CLIENT_ID: `ingestion-${runId}-${ordinal}`, MQTT_SHARE_GROUP: `group-${runId}`, ...env });

  long(
    'share the messages; one is killed and comes back under its own id: nothing is lost',
    async () => {
      const tested = await open();
      // Some brokers do not read the PUBACKs of a reset connection: see mqtt-unread-pubacks.faults.test.ts.
      const link = scope.use(await startFaultProxy(broker, { deliversLastBytes: true }));
      const first = await startMember(tested, 0);
      const second = await startMember(tested, 1, { MQTT_URL: `mqtt://127.0.0.1:${link.port}` });
      const load = tested.load({ ratePerSecond: RATE, count: MESSAGES });
      await eventually(async () => assert.ok((await second.scrape()).received > 500));
      await second.end('SIGKILL');
      await eventually(() => assert.is(link.connections, 0, 'the broker has noticed'));
      await eventually(async () => assert.ok((await first.scrape()).received > 1_500));
      const back = await startMember(tested, 1);
      assert.is(await load.done, MESSAGES);
      await tested.arrival(MESSAGES);
      const { entries } = await tested.sink();
      const shares = [];
      for (const member of [first, back]) {
        const metrics = await member.scrape();
        metrics.assertLedger();
        shares.push(metrics.received);
        assert.ok(metrics.received > 100, 'has a share');
        assert.is(await member.end(), 0, member.output.slice(-2_000));
      }
      console.log(`  shares ${shares.join(' and ')} after the kill, ${entries - MESSAGES} duplicated`);
      // One kill repeats at most the messages without a PUBACK.
      assert.ok(entries - MESSAGES <= WINDOW, `${entries - MESSAGES} duplicates`);
    },
    TEST_TIMEOUT_MS,
  );

  long(
    'the trap: messages sent to a member wait for that member, and go to no other',
    async () => {
      const tested = await open();
      const { raw } = tested.resources.topics;
      const [first, second] = [await startMember(tested, 0), await startMember(tested, 1)];
      // Publishing is blocked, so that both windows fill up.
      const stuck = servers.sandbox.faults.add({
        server: 'pubsub',
        method: 'Publish',
        resource: `*/${raw}`,
        error: { code: 'UNAVAILABLE' },
      });
      const load = tested.load({ ratePerSecond: RATE, count: 300 });
      assert.is(await load.done, 300);
      const held = await eventually(async () => {
        const { inFlight } = await second.scrape();
        assert.is(inFlight + (await first.scrape()).inFlight, 300);
        return inFlight;
      });
      assert.ok(held > 0 && held < 300, `${held} of 300 are with the second`);
      await second.end('SIGKILL');
      stuck.remove();
      await tested.arrival(300 - held);
      // Longer than a broker takes to detect a lost connection.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      assert.is((await tested.sink()).distinctIds, 300 - held);
      const { received } = await first.scrape();
      assert.is(received, 300 - held, 'no more comes');
      await startMember(tested, 1);
      await tested.arrival(300);
      console.log(`  ${held} messages waited for the member that was gone`);
    },
    TEST_TIMEOUT_MS,
  );

  for (const version of ['4', '5']) {
    long(
      `two clients with one id, MQTT ${version === '4' ? '3.1.1' : '5'}: both report it, and reconnect slowly`,
      async () => {
        const tested = await open({ MQTT_PROTOCOL_VERSION: version, DATAFLOW_MQTT__RECONNECT_MIN_MS: '200' });
        const first = await tested.start();
        const second = await tested.start();
        const started = performance.now();
        for (const member of [first, second]) {
          // MQTT 3.1.1 has no reason code, and mosquitto 2.0.11 sends none: only the cut connections are visible.
          await eventually(
            async () => {
              const metrics = await member.scrape();
              assert.ok(metrics.events('mqtt.session_taken_over') + metrics.events('mqtt.connections_cut') > 0);
            },
            { deadlineMs: 30_000 },
          );
          assert.match(member.output, 'give each its own mqtt.clientId');
          assert.match(member.output, tested.resources.env.MQTT_CLIENT_ID ?? '');
        }
        await eventually(() => assert.ok(performance.now() - started > 10_000), { deadlineMs: 15_000 });
        const seconds = (performance.now() - started) / 1_000;
        for (const member of [first, second]) {
          const perSecond = (await member.scrape()).events('mqtt.disconnected') / seconds;
          assert.ok(perSecond < 1.5, `${perSecond} disconnects a second`);
        }
      },
      TEST_TIMEOUT_MS,
    );
  }
});
