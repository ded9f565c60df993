import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { createArchiveToReplay } from '../../testing/archive-to-replay.ts';
import { builtInPipeline, lastJson, runCli, startCli } from '../../testing/cli.ts';
import { collectMqtt } from '../../testing/collect-mqtt.ts';
import { eventually } from '../../testing/eventually.ts';
import { startFaultProxy } from '../../testing/fault-proxy.ts';
import { findMosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { pipelineFolder } from '../../testing/pipeline-folder.ts';
import { testScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';

const runLoad = async (...args: string[]) => {
  const ended = await runCli(['load', ...args]);
  return { ...ended, report: lastJson(ended) ?? {} };
};

suite('the command load', (it) => {
  const { test } = it;
  const scope = testScope(it);
  const sandbox = async () => (await startServers(scope, { parts: ['mqtt', 'storage'] })).sandbox;
  const jsonOf = ({ payload }: { readonly payload: Buffer }) => JSON.parse(payload.toString());

  test('sends rate times duration messages to the topics of the template, and reports each', async () => {
    const { env } = await sandbox();
    const url = env.MQTT_URL ?? '';
    const got = await collectMqtt(scope, url, 'plants/+/+/data');
    const { code, report, output } = await runLoad(
      ...['--url', url, '--topic', 'plants/{site}/{device}/data', '--devices', '7', '--connections', '2'],
      ...['--rate', '500/s', '--duration', '2500ms', '--run', 'first', '--json'],
    );
    assert.is(code, 0, output);
    assert.match(
      output,
      /run first: 1,250 messages, 500\/s, for 2.5 s of 7 devices to mqtt:\/\/127\.0\.0\.1:\d+, QoS 1/,
    );
    assert.match(output, / {2}[\d,]+ of 1,250 sent {2}.*confirmed/);
    const { sent, confirmed, refused, unconfirmed, unsent, resent, reconnects, stoppedBy, run } = report;
    assert.equal(
      { sent, confirmed, refused, unconfirmed, unsent, resent, reconnects, stoppedBy, run },
      {
        ...{ sent: 1_250, confirmed: 1_250, refused: 0, unconfirmed: 0, unsent: 0, resent: 0, reconnects: 0 },
        ...{ stoppedBy: 'end', run: 'first' },
      },
    );
    assert.ok(report.ratePerSecond > 400 && report.ratePerSecond < 510, `${report.ratePerSecond}/s`);
    const { p50, p99, max } = report.latencyMs;
    assert.ok(p50 > 0 && p50 <= p99 && p99 <= max * 1.01, JSON.stringify(report.latencyMs));
    await eventually(() => assert.is(got.length, 1_250));
    assert.is(new Set(got.map(({ topic }) => topic)).size, 7);
    assert.is(new Set(got.map((message) => jsonOf(message).message_id)).size, 1_250);
    assert.ok(got.every((message) => /^first-device-0000\d-\d+$/.test(jsonOf(message).message_id)));
    // The values are made up, but the time is current.
    assert.ok(got.every((message) => Math.abs(Date.now() - Date.parse(jsonOf(message).taken_at)) < 60_000));
  });

  test('sends a file with its placeholders replaced, and prints a table', async () => {
    const { env } = await sandbox();
    const url = env.MQTT_URL ?? '';
    const got = await collectMqtt(scope, url, 'd/#');
    const payload = pipelineFolder(scope).file('reading.json', '{"of": "{device}", "n": {sequence}, "odd": {x}}');
    const { code, output, stdout } = await runLoad(
      ...[
        '--url',
        url,
        '--topic',
        'd/{index}',
        '--devices',
        '1',
        '--messages',
        '3',
        '--rate',
        'max',
        '--payload',
        payload,
      ],
    );
    assert.is(code, 0, output);
    assert.match(stdout, /sent +3 .*\n +confirmed +3\n +refused +0\n +unconfirmed +0\n +not sent +0\n +sent again +0/);
    assert.match(stdout, /latency ms +p50 [\d.]+ +p90 [\d.]+ +p99 [\d.]+ +p99\.9 [\d.]+ +max [\d.]+/);
    await eventually(() => assert.is(got.length, 3));
    assert.equal(
      got.map(({ topic, payload: sent }) => [topic, sent.toString()]),
      [0, 1, 2].map((n) => ['d/0', `{"of": "device-00000", "n": ${n}, "odd": {x}}`]),
    );
  });

  test('sends an archive repeatedly, each device in order', async () => {
    const { env, projectId } = await sandbox();
    await createArchiveToReplay(projectId);
    const url = env.MQTT_URL ?? '';
    const got = await collectMqtt(scope, url);
    const archive = ['--url', url, '--replay', 'archive/own', '--rate', 'max', '--json'];
    const { code, report, output } = await runLoad(...archive, '--messages', '1500');
    assert.is(code, 0, output);
    assert.equal([report.sent, report.confirmed, report.leftOut, report.unreadable], [1_500, 1_500, 0, 0]);
    await eventually(() => assert.is(got.length, 1_500));
    for (const device of ['a', 'b']) {
      const own = got.filter(({ topic }) => topic === `sites/hall/devices/${device}/readings`);
      assert.equal(
        own.map((message) => jsonOf(message).sequence),
        Array.from({ length: 750 }, (_, index) => index % 500),
      );
    }
    // Its payloads are sent to the topics of other devices.
    const dealt = ['--topic', 'x/{index}', '--devices', '2', '--messages', '1000'];
    assert.is((await runLoad(...archive, ...dealt)).code, 0);
    await eventually(() => assert.is(got.length, 2_500));
    for (const topic of ['x/0', 'x/1']) {
      const own = got.filter((message) => message.topic === topic).map(jsonOf);
      assert.equal(new Set(own.map((reading) => reading.device_id)).size, 1);
      assert.equal(
        own.map(({ sequence }) => sequence),
        Array.from({ length: 500 }, (_, index) => index),
      );
    }
    const foreign = ['--url', url, '--replay', 'archive/foreign', '--rate', 'max', '--messages', '2', '--json'];
    const refused = await runLoad(...foreign);
    assert.is(refused.code, 2, refused.output);
    assert.match(refused.output, '--replay: no message of archive/foreign has an attribute mqtt_topic; set --topic');
    assert.is((await runLoad(...foreign, '--topic', 'foreign/{device}')).code, 0);
    await eventually(() => assert.is(got.filter(({ topic }) => topic.startsWith('foreign/')).length, 2));
    const empty = await runLoad('--url', url, '--replay', 'archive/nothing');
    assert.is(empty.code, 2);
    assert.match(empty.output, '--replay: archive/nothing holds no messages');
  });

  test('ends at SIGTERM with all sent messages confirmed', async () => {
    const { env } = await sandbox();
    const url = env.MQTT_URL ?? '';
    const got = await collectMqtt(scope, url);
    const child = await startCli(['load', '--url', url, '--rate', '200', '--duration', '1h', '--json']);
    await eventually(() => assert.ok(got.length > 100));
    child.kill('SIGTERM');
    assert.is(await child.exited, 0, child.output);
    const report = lastJson(child);
    assert.equal([report.stoppedBy, report.unconfirmed], ['signal', 0]);
    assert.is(report.sent, report.confirmed);
    await eventually(() => assert.is(got.length, report.sent));
  });

  test('exits with 1 if the broker does not accept the rate', async () => {
    const { env } = await sandbox();
    const proxy = scope.use(await startFaultProxy({ port: Number(new URL(env.MQTT_URL ?? '').port) }));
    proxy.throttle(20_000);
    const url = `mqtt://127.0.0.1:${proxy.port}`;
    const slow = ['--url', url, '--rate', '1000', '--duration', '2s', '--window', '10', '--json'];
    const { code, report, output } = await runLoad(...slow);
    assert.is(code, 1, output);
    assert.is(report.stoppedBy, 'time');
    assert.ok(report.unsent > 500 && report.sent + report.unsent === 2_000, output);
    assert.is(report.sent, report.confirmed);
    assert.match(
      output,
      /the broker accepted [\d.]+ messages per second instead of 1,000: [\d,]+ were not sent in time/,
    );
  });

  test('refuses bad options before it connects', async () => {
    const { env } = await sandbox();
    const url = env.MQTT_URL ?? '';
    const at = ['--url', url];
    const cases: [string[], number, RegExp][] = [
      [['--url', 'http://x'], 2, /--url: expected an address such as mqtt:/],
      [[...at, '--pipeline', builtInPipeline('enrich')], 2, /--pipeline: --url is set too; remove one of them/],
      [['--pipeline', builtInPipeline('enrich')], 2, /--pipeline: .*enrich is a pipeline of enrich/],
      [[...at, '--topic', 'a/{room}'], 2, /\{room\} has no value; \{site\}, \{device\}, \{index\} have one/],
      [[...at, '--topic', 'a/+'], 2, /"\+" and "#" are wildcards/],
      [[...at, '--rate', '0'], 2, /--rate.*Expected messages per second/],
      [[...at, '--duration', '30'], 2, /--duration.*Expected a duration above 0.*such as 500ms, 30s/],
      [[...at, '--devices', '0'], 2, /--devices.*Expected a whole number from 1 to 1000000/],
      [[...at, '--qos', '3'], 2, /--qos.*Expected a whole number from 0 to 2/],
      [[...at, '--payload', '/no/such/file'], 2, /--payload: \/no\/such\/file: ENOENT/],
      [[...at, '--payload', 'x', '--replay', 'a/b'], 2, /--payload: --replay is set too/],
      [[...at, '--replay', 'no-such-bucket/own'], 2, /no-such-bucket/],
      [[...at, '--run', 'a b'], 2, /--run.*Expected up to 64 letters/],
      [[...at, '--ca-file', '/no/such.pem'], 2, /--ca-file: .*\/no\/such\.pem/],
      [[...at, '--password-file', '/no/such'], 2, /--password-file: .*\/no\/such/],
      [['--url', 'mqtt://127.0.0.1:1'], 1, /mqtt:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/],
    ];
    const project = { GOOGLE_CLOUD_PROJECT: process.env.GOOGLE_CLOUD_PROJECT ?? 'sandbox', PIPELINE: undefined };
    for (const [args, code, message] of cases) {
      const ran = await runCli(['load', ...args, '--messages', '1'], { env: project });
      assert.is(ran.code, code, `${args.join(' ')}: ${ran.output}`);
      assert.match(ran.output, message);
    }
    const without = await runCli(['load'], { env: { MQTT_URL: '', MQTT_BROKER_URL: '' } });
    assert.is(without.code, 2);
    assert.match(without.output, '--url: set --url, --pipeline, or MQTT_URL or MQTT_BROKER_URL in the environment');
    const help = await runCli(['load', '--help']);
    assert.is(help.code, 0);
    assert.match(help.output, "load --url mqtt://127.0.0.1:1883 --topic 'sites/{site}/devices/{device}/readings'");
  });

  const hasPasswords = spawnSync('mosquitto_passwd', { stdio: 'ignore' }).error === undefined;
  if (findMosquitto() === undefined || !hasPasswords)
    it.skip('mosquitto with a password', 'mosquitto is not installed');
  else
    test("logs on with its options or a pipeline's settings, and exits with 1 if messages are refused", async () => {
      const folder = pipelineFolder(scope);
      const passwords = join(folder.path, 'passwords');
      assert.is(spawnSync('mosquitto_passwd', ['-b', '-c', passwords, 'loader', 'secret']).status, 0);
      const acl = folder.file('acl', 'user loader\ntopic write sites/oslo/#\ntopic write sites/turin/#\n');
      // With more in flight, mosquitto 2.0.11 drops a client that publishes to a forbidden topic.
      const lines = [
        `password_file ${passwords}`,
        `acl_file ${acl}`,
        'max_inflight_messages 20',
        'max_queued_messages 1000',
      ];
      const { url } = scope.use(await startMosquitto(lines.concat('allow_anonymous false')));
      const passwordFile = folder.file('password', 'secret\n');
      const some = ['--messages', '1000', '--rate', 'max', '--devices', '4', '--json'];
      const anonymous = await runLoad('--url', url, ...some);
      assert.is(anonymous.code, 1);
      assert.match(anonymous.output, /127\.0\.0\.1:\d+: Connection refused: Not authorized/);
      const { code, report, output } = await runLoad(
        ...['--url', url, '--protocol', '5', '--username', 'loader', '--password-file', passwordFile, ...some],
      );
      assert.is(code, 1, output);
      assert.is(report.sent, 1_000);
      assert.is(report.confirmed + report.refused, 1_000);
      // Devices cycle through four places; two of them are forbidden.
      assert.ok(report.refused > 400 && report.refused < 600, output);
      assert.equal(report.refusals, { 'Publish error: Not authorized': report.refused });
      assert.match(output, /refused \d+ times: Publish error: Not authorized/);
      const pipeline = folder.pipeline({
        service: 'ingestion',
        google: { projectId: 'p' },
        mqtt: { url, clientId: 'c', username: 'loader', passwordFile },
        routes: { all: { source: { mqtt_topic: 'sites/#', qos: 1 }, destination: { route_name: 'raw' } } },
        producers: { raw: { outputTopicId: 'raw' } },
        deadLetters: { topicId: 'dead' },
      });
      const allowed = await runLoad('--pipeline', pipeline, ...some, '--topic', 'sites/oslo/{device}');
      assert.is(allowed.code, 0, allowed.output);
      assert.equal([allowed.report.confirmed, allowed.report.unheard], [1_000, 1_000]);
    });
});
