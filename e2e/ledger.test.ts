import * as assert from 'uvu/assert';
import { lastJson, runCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { testScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun } from '../src/testing/test-run.ts';
import type { PlatformLedger } from '../src/tools/live/platform-ledger.ts';

const MESSAGES = 400;

suite('ledger of running services', (it) => {
  const { test } = it;
  const scope = testScope(it);

  test('agrees from MQTT to both sinks, and says where messages are that have not arrived', async () => {
    const { sandbox, mqttEnv } = await startServers(scope);
    const { projectId } = sandbox;
    const run = await openRun(scope, { projectId, mqttUrl: mqttEnv.MQTT_URL, devices: 10, env: mqttEnv });
    const platform = await run.startPlatform();
    const urls = platform.all.map(({ url }) => url);
    const read = async (): Promise<PlatformLedger> => {
      const ended = await runCli(['ledger', ...urls, '--json']);
      assert.is(ended.code, 0, ended.output);
      return lastJson(ended);
    };
    await run.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: MESSAGES }).done;
    await eventually(() => assert.ok(platform.all.every(({ ledger }) => ledger.acked === MESSAGES)));

    const even = await read();
    assert.equal(
      even.pipelines.map(({ pipeline, firstDeliveries, acked }) => [pipeline, firstDeliveries, acked]),
      ['ingestion', 'enrich', 'icestore', 'bigqueries'].map((name) => [name, MESSAGES, MESSAGES]),
    );
    assert.equal(
      even.links.map(({ from, to, difference }) => [...from, to, difference]),
      [
        ['ingestion', 'enrich', 0],
        ['ingestion', 'icestore', 0],
        ['enrich', 'bigqueries', 0],
      ],
    );
    const counted = even.minutes.reduce((sum, { published }) => sum + published, 0);
    assert.is(counted, MESSAGES, 'every message is in a minute');
    for (const { largest, published, acked } of even.minutes) {
      assert.is(largest, undefined);
      for (const count of Object.values(acked)) assert.is(count, published);
    }

    // A sink that does not answer: its messages are in flight there.
    sandbox.faults.add({ server: 'bigquery', method: 'tabledata.insertAll', stall: true });
    await run.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: 50 }).done;
    await eventually(async () => {
      const { pipelines, minutes } = await read();
      const [bigqueries] = pipelines.filter(({ pipeline }) => pipeline === 'bigqueries');
      assert.is(bigqueries?.inFlight, 50);
      assert.is(minutes.at(-1)?.largest?.at, 'enrich → bigqueries');
    });
    const { stdout } = await runCli(['ledger', ...urls]);
    assert.match(stdout, /bigqueries +inserted +450 +400 +0 +0 +50/);
    assert.match(stdout, 'This is an estimate');
    sandbox.faults.clear();
  });

  test('refuses addresses that are none, or of another server', async () => {
    const missing = await runCli(['ledger', 'http://127.0.0.1:1']);
    assert.is(missing.code, 1);
    assert.match(missing.output, /127\.0\.0\.1:1 cannot be reached/);
    assert.is((await runCli(['ledger'])).code, 2);
    assert.is((await runCli(['ledger', 'ftp://x'])).code, 2);
  });
});
