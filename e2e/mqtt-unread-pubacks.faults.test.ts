import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openService } from '../src/testing/test-run.ts';

const READ = 500;
const MESSAGES = 6_000;
const WINDOW = 200;
const TEST_TIMEOUT_MS = 120_000;

/**
 * A broker that does not respect Receive Maximum (mosquitto before 2.0.13, every one under MQTT 3.1.1) fills the
 * connection with messages, and may not have read their PUBACKs when the connection is reset. It redelivers all of
 * those, which no client can prevent.
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

  for (const version of ['4', '5']) {
    long(
      `MQTT ${version === '4' ? '3.1.1' : '5'}: repeat messages, and lose none`,
      async () => {
        const { sandbox } = servers;
        const broker = scope.use(await startMosquitto());
        // A stopped process would not end.
        scope.defer(() => process.kill(broker.pid, 'SIGCONT'));
        const env = { MQTT_PROTOCOL_VERSION: version, DATAFLOW_MQTT__MAX_IN_FLIGHT: String(WINDOW) };
        const { projectId } = sandbox;
        const tested = await openService(scope, 'ingestion', { projectId, mqttUrl: broker.url, env });
        const killed = await tested.start();
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
          const metrics = await killed.scrape();
          assert.is(metrics.inFlight, 0, 'all that was sent is published');
          assert.is(metrics.value('dataflow_mqtt_pubacks_owed'), 0, 'and acknowledged');
          return metrics;
        });
        const unread = received - READ;
        assert.ok(unread >= WINDOW, 'a window of them at least');
        await killed.end('SIGKILL');
        process.kill(broker.pid, 'SIGCONT');
        const back = await tested.start();
        await tested.arrival(MESSAGES);
        const { entries, distinctIds } = await tested.sink();
        assert.is(distinctIds, MESSAGES);
        const repeated = entries - READ - MESSAGES;
        console.log(`  ${unread} messages with PUBACKs that were not read before the kill; ${repeated} come twice`);
        assert.ok(repeated <= unread, 'only those come twice');
        await eventually(async () => assert.is((await back.scrape()).inFlight, 0));
        assert.is(await back.end(), 0, back.output.slice(-2_000));
      },
      TEST_TIMEOUT_MS,
    );
  }
});
