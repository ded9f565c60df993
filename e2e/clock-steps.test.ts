import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { testScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun } from '../src/testing/test-run.ts';
import { takeWallClock } from '../src/testing/wall-clock.ts';

const MESSAGES = 600;
const PER_SECOND = 200;
const MINUTE_MS = 60_000;
/** Each is far longer than every timeout, lease and age of the platform, and none undoes the previous one. */
const STEPS_MS = [-10 * MINUTE_MS, -20 * MINUTE_MS, 200 * MINUTE_MS, -300 * MINUTE_MS];
/** Batches leave within a second; a clock set back by minutes would hold them for minutes. */
const ARRIVED_WITHIN_MS = 20_000;

suite('steps of the wall clock', (it) => {
  const { test } = it;
  const scope = testScope(it);

  test('delay no batch, expire no lease, and turn no service red', async () => {
    const { sandbox, mqttEnv } = await startServers(scope);
    const clock = takeWallClock(scope);
    const { projectId } = sandbox;
    const run = await openRun(scope, { projectId, mqttUrl: mqttEnv.MQTT_URL, devices: 20, env: mqttEnv });
    const platform = await run.startPlatform();
    const red: string[] = [];
    for (const { name, readiness } of platform.all) {
      const watching = readiness.subscribe((report) => {
        if (!report.ready) red.push(`${name}: ${JSON.stringify(report.components)}`);
      });
      scope.defer(() => watching.unsubscribe());
    }

    const load = run.load({ ratePerSecond: PER_SECOND, count: MESSAGES });
    for (const [index, step] of STEPS_MS.entries()) {
      const seen = (MESSAGES / (STEPS_MS.length + 1)) * (index + 1);
      await eventually(() => assert.ok(platform.service('ingestion').ledger.received >= seen));
      clock.step(step);
    }
    assert.is(await load.done, MESSAGES);

    await run.arrivalInBothSinks(MESSAGES, ARRIVED_WITHIN_MS);
    await eventually(() => {
      for (const { name, ledger } of platform.all) assert.is(ledger.inFlight, 0, `in flight in ${name}`);
    });
    for (const { name, ledger } of platform.all) {
      assert.equal([ledger.acked, ledger.expired, ledger.settledLate], [MESSAGES, 0, 0], name);
    }
    assert.equal(red, []);
  });
});
