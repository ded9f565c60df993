import * as assert from 'uvu/assert';
import type { TappedValue } from '../src/http/tap.ts';
import { runCli, startCli } from '../src/testing/cli.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun, type TestRun } from '../src/testing/test-run.ts';
import type { Platform } from '../src/tools/demo/platform.ts';

const DEVICES = 5;
const RATE = 100;

suite('tap', (it) => {
  const { test, before } = it;
  const scope = suiteScope(it);
  let run: TestRun;
  let platform: Platform;

  before(async () => {
    const { sandbox, mqttEnv } = await startServers(scope);
    const { projectId } = sandbox;
    run = await openRun(scope, { projectId, mqttUrl: mqttEnv.MQTT_URL, devices: DEVICES, env: mqttEnv });
    platform = await run.startPlatform();
    run.load({ ratePerSecond: RATE });
  });

  const linesOf = (stdout: string): TappedValue[] =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  test('prints the messages that pass a probe, those of a condition, and ends at the limit', async () => {
    const { url } = platform.service('enrich');
    const [{ deviceId: device } = { deviceId: '' }] = run.fleet.readings(1);
    const { code, stdout, output } = await runCli([
      'tap',
      url,
      'enriched',
      '--json',
      '--limit',
      '5',
      '--where',
      `payload.device_id=${device}`,
    ]);
    assert.is(code, 0, output);
    const values = linesOf(stdout);
    assert.is(values.length, 5);
    for (const { probe, value } of values) {
      assert.is(probe, 'enriched');
      assert.is(JSON.parse(String(value.payload)).device_id, device);
      assert.match(JSON.stringify(value.enrichmentData), '"name"');
    }
  });

  test('shows batches, outcomes and objects too; Ctrl-C ends it with 0', async () => {
    const [icestore, bigqueries] = [platform.service('icestore'), platform.service('bigqueries')];
    const stored = await runCli(['tap', icestore.url, 'stored', '--json', '--limit', '1']);
    assert.match(String(linesOf(stored.stdout)[0]?.value.name), /\.jsonl\.gz$/);
    const flushed = await runCli(['tap', bigqueries.url, 'flushed', '--json', '--limit', '1']);
    assert.ok(Array.isArray(linesOf(flushed.stdout)[0]?.value.items));
    const settled = await startCli(['tap', bigqueries.url, 'settled'], { readyWhen: /settled {2}\{"verdict":"ack"/ });
    assert.is(await settled.end('SIGINT'), 0, settled.output);
  });

  test('samples, and counts what is over its rate', async () => {
    const { url } = platform.service('ingestion');
    const tapped = await runCli(['tap', url, 'routed', '--json', '--rate', '5', '--sample', '1/2', '--limit', '15']);
    assert.is(tapped.code, 0, tapped.output);
    const last = linesOf(tapped.stdout).at(-1);
    assert.ok(last !== undefined && last.skipped > 15, JSON.stringify(last));
    assert.match(tapped.output, /were omitted/);
  });

  test('lists the probes, and refuses what it cannot do with the way out', async () => {
    const { url } = platform.service('enrich');
    const listed = await runCli(['tap', url]);
    assert.is(listed.code, 0, listed.output);
    assert.match(listed.stdout, /^enrich +.*received.*enriched/);
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [[url, 'enrichd'], 2, /enrich has no probe "enrichd"\. Did you mean enriched\? It has deadLettered, received/],
      [[url, 'enriched', '--where', 'site=x'], 2, /expected a path that begins with payload/],
      [[url, 'enriched', '--where', 'site'], 2, /Expected path=value/],
      [[url, 'enriched', '--sample', '2'], 2, /such as 1\/100/],
      [[url, 'enriched', '--pipeline', 'enrch'], 2, /There is no pipeline "enrch"\. Did you mean enrich\?/],
      [['not an address', 'enriched'], 2, /is not an address/],
      [['http://127.0.0.1:1', 'enriched'], 1, /cannot be reached/],
    ];
    for (const [args, expected, message] of cases) {
      const { code, output } = await runCli(['tap', ...args]);
      assert.is(code, expected, `${args.join(' ')}\n${output}`);
      assert.match(output, message);
    }
  });
});
