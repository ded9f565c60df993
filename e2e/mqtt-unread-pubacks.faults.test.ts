import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import type { ServiceProcess } from '../src/testing/service-process.ts';
import { suite } from '../src/testing/suite.ts';
import { openService, type TestService } from '../src/testing/test-run.ts';

const READ = 500;
const MESSAGES = 6_000;
const WINDOW = 200;
const TEST_TIMEOUT_MS = 120_000;

/** Longer than a service waits for a broker that has nothing to read. */
const BUSY_MS = 3_000;

/** A service whose messages are all settled, and a stopped broker that has read none of their PUBACKs. */
interface Unread {
  readonly broker: Mosquitto;
  readonly tested: TestService;
  readonly service: ServiceProcess;
  /** Messages whose PUBACKs the broker has not read. */
  readonly unread: number;
}

/**
 * A broker that does not respect Receive Maximum (mosquitto before 2.0.13, every one under MQTT 3.1.1) fills the
 * connection with messages, and may not have read their PUBACKs when the connection is reset. It redelivers all of
 * those, which no client can prevent. At its end, a service waits until they are read.
 */
suite('PUBACKs that the broker has not read', (it) => {
  const { long, skip, before } = it;
  if (findMosquitto() === undefined) {
    skip('repeat messages, and lose none', 'mosquitto is not installed');
    return;
  }
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub', 'firestore'] });
  });

  const open = async (version: string): Promise<Unread> => {
    const { sandbox } = servers;
    const broker = scope.use(await startMosquitto());
    // A stopped process would not end.
    scope.defer(() => process.kill(broker.pid, 'SIGCONT'));
    const env = { MQTT_PROTOCOL_VERSION: version, DATAFLOW_MQTT__MAX_IN_FLIGHT: String(WINDOW) };
    const { projectId } = sandbox;
    const tested = await openService(scope, 'ingestion', { projectId, mqttUrl: broker.url, env });
    const service = await tested.start();
    // mosquitto before 2.0.13 respects Receive Maximum until the first PUBACK.
    assert.is(await tested.load({ ratePerSecond: 3_000, count: READ }).done, READ);
    await tested.arrival(READ);
    const stuck = sandbox.faults.add({
      server: 'pubsub',
      method: 'Publish',
      resource: `*/${tested.resources.topics.raw}`,
      error: { code: 'UNAVAILABLE' },
    });
    // The same messages arrive first.
    assert.is(await tested.load({ ratePerSecond: 3_000, count: MESSAGES }).done, MESSAGES);
    process.kill(broker.pid, 'SIGSTOP');
    stuck.remove();
    const { received } = await eventually(async () => {
      const metrics = await service.scrape();
      assert.is(metrics.inFlight, 0, 'all that was sent is published');
      assert.is(metrics.value('dataflow_mqtt_pubacks_owed'), 0, 'and acknowledged');
      return metrics;
    });
    const unread = received - READ;
    assert.ok(unread >= WINDOW, 'a window of them at least');
    return { broker, tested, service, unread };
  };

  /** Starts the service again, and returns how many messages have come twice. */
  const repeated = async ({ tested }: Unread): Promise<number> => {
    const back = await tested.start();
    await tested.arrival(MESSAGES);
    await eventually(async () => assert.is((await back.scrape()).inFlight, 0));
    assert.is(await back.end(), 0, back.output.slice(-2_000));
    const { entries, distinctIds } = await tested.sink();
    assert.is(distinctIds, MESSAGES);
    return entries - READ - MESSAGES;
  };

  for (const version of ['4', '5']) {
    const protocol = `MQTT ${version === '4' ? '3.1.1' : '5'}`;

    long(
      `${protocol}: repeat messages after a kill, and lose none`,
      async () => {
        const opened = await open(version);
        const { broker, service, unread } = opened;
        await service.end('SIGKILL');
        process.kill(broker.pid, 'SIGCONT');
        const twice = await repeated(opened);
        console.log(`  ${unread} messages with PUBACKs that were not read before the kill; ${twice} come twice`);
        assert.ok(twice <= unread, 'only those come twice');
      },
      TEST_TIMEOUT_MS,
    );

    long(
      `${protocol}: repeat nothing after SIGTERM`,
      async () => {
        const opened = await open(version);
        const { broker, service, unread } = opened;
        const ended = service.end('SIGTERM');
        const resumesAt = performance.now() + BUSY_MS;
        await eventually(() => assert.ok(performance.now() >= resumesAt));
        process.kill(broker.pid, 'SIGCONT');
        assert.is(await ended, 0, service.output.slice(-2_000));
        assert.is(await repeated(opened), 0, `of ${unread} messages with PUBACKs that were not read at SIGTERM`);
      },
      TEST_TIMEOUT_MS,
    );
  }
});
