import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { SERVICE_NAMES } from '../src/services/services.ts';
import type { Child } from '../src/testing/child.ts';
import { builtInPipeline, runCli, startCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { exportedEnv, saidLines } from '../src/testing/exported-env.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { type PipelineFolder, pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { testScope } from '../src/testing/scope.ts';
import { suite } from '../src/testing/suite.ts';

type Env = Record<string, string>;

const READY = /Ctrl-C stops/;

suite('up', (it) => {
  const { test, long, skip, beforeEach } = it;
  const scope = testScope(it);
  let folder: PipelineFolder;

  beforeEach(async () => {
    folder = pipelineFolder(scope);
    folder.file('payload.json', '{"temperature":21.5,"site":{"floor":2,"tags":["a"]},"a.b":[{"c d":1}],"none":null}');
    const args = ['init', 'home', '--topic', 'home/+/temperature', '--sample', 'payload.json'];
    const { code, output } = await runCli(args, { cwd: folder.path });
    assert.is(code, 0, output);
  });

  const start = async (args: readonly string[], env: Env = {}, readyWhen = READY): Promise<Child> => {
    const child = await startCli(args, { cwd: folder.path, env, readyWhen, readyWithinMs: 90_000 });
    scope.defer(() => child.end('SIGKILL'));
    return child;
  };
  const publish = async (url: string, payload: string): Promise<void> => {
    const mqtt = await connectAsync(url);
    try {
      await mqtt.publishAsync('home/kitchen/temperature', payload, { qos: 1 });
    } finally {
      await mqtt.endAsync();
    }
  };
  /** Waits until both sinks show a message, by the commands for it. */
  const assertLanded = (env: Env, temperature: number, set = 'pipelines/home') =>
    eventually(async () => {
      const look = (sink: string) => runCli(['look', sink, set, '--json'], { cwd: folder.path, env });
      const [rows, archive] = await Promise.all([look('rows'), look('archive')]);
      assert.match(
        rows.stdout,
        `"device_id":"kitchen","device_name":null,"device_location":null,"temperature":${temperature}`,
      );
      assert.match(archive.stdout, `"payload":{"temperature":${temperature}}`);
    });
  const isOpen = (address: string): Promise<boolean> =>
    new Promise((resolve) => {
      const { hostname, port } = new URL(address.includes('://') ? address : `tcp://${address}`);
      const socket = connectSocket(Number(port), hostname);
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
    });

  test('runs a set on a sandbox of its own, and ends both on Ctrl-C', async () => {
    const up = await start(['up', 'pipelines/home']);
    const env = exportedEnv(up.stdout);
    assert.is(up.stdout.replaceAll(/^export .*\n/gm, ''), '', 'standard output is for a shell');
    const [page = ''] = saidLines(up).slice(-2);
    assert.match(page, /^http:\/\/127\.0\.0\.1:\d+$/, 'the address of the live page comes last');
    assert.match(await (await fetch(`${page}/ledger`)).text(), '"service":"bigqueries"');
    const { port } = new URL(env.MQTT_URL ?? '');
    assert.match(
      up.output,
      `\nmosquitto_pub -h 127.0.0.1 -p ${port} -q 1 -t home/device-1/temperature -f pipelines/home/sample.json\n`,
    );
    assert.match(
      up.output,
      /\nnpm run cli -- look rows pipelines\/home\nnpm run cli -- look archive pipelines\/home\n/,
    );
    await publish(env.MQTT_URL ?? '', '{"temperature":19.25}');
    await assertLanded(env, 19.25);
    await publish(env.MQTT_URL ?? '', readFileSync(join(folder.path, 'payload.json'), 'utf8'));
    await eventually(async () => {
      const { stdout } = await runCli(['look', 'rows', 'pipelines/home', '--json'], { cwd: folder.path, env });
      assert.match(stdout, '"temperature":21.5,"site":{"floor":2,"tags":["a"]},"a_b":[{"c_d":1}],"none":null}\n');
    });
    await publish(env.MQTT_URL ?? '', 'hot');
    await eventually(() => assert.match(up.output, /bigqueries {2}message went to dead-letter {2}reason: undecodable/));
    assert.not.match(up.output, /not ready/);
    assert.is(await up.end('SIGINT'), 0, up.output);
    await eventually(async () => assert.not.ok(await isOpen(env.PUBSUB_EMULATOR_HOST ?? '')));
  });

  long('runs the shipped pipelines together', async () => {
    const up = await start(['up', ...SERVICE_NAMES.map(builtInPipeline)]);
    assert.is(new Set(up.output.match(/^ {2}\w+ +http:\S+ +\S+pipelines\/\w+$/gm)).size, 4, up.output);
    assert.is(await up.end('SIGINT'), 0, up.output);
  });

  test('uses the servers that the environment names', async () => {
    const sandbox = await start(['sandbox'], {}, /sandbox ready/);
    const env = exportedEnv(sandbox.stdout);
    const up = await start(['up', 'pipelines/home'], env);
    assert.match(up.output, /used from the environment: MQTT_URL, PUBSUB_EMULATOR_HOST/);
    assert.is(exportedEnv(up.stdout).PUBSUB_EMULATOR_HOST, env.PUBSUB_EMULATOR_HOST);
    await publish(env.MQTT_URL ?? '', '{"temperature":20.5}');
    await assertLanded(env, 20.5);
    assert.is(await up.end('SIGTERM'), 0, up.output);
    await assertLanded(env, 20.5);
    const withPassword = (env.MQTT_URL ?? '').replace('//', '//me:secret@');
    const again = await start(['up', 'pipelines/home'], { ...env, MQTT_URL: withPassword });
    assert.not.match(again.output, 'secret');
    assert.match(again.output, /MQTT_URL contains a password, and is not printed/);
    assert.match(again.output, / -u me -P "\$MQTT_PASSWORD" -q 1 /);
    assert.is(await again.end('SIGINT'), 0, again.output);
    assert.is(await sandbox.end('SIGINT'), 0, sandbox.output);

    const stale = await runCli(['up', 'pipelines/home'], { cwd: folder.path, env });
    assert.is(stale.code, 2, stale.output);
    assert.match(
      stale.output,
      /nothing listens at 127\.0\.0\.1:\d+ \(MQTT_URL\), 127\.0\.0\.1:\d+ \(PUBSUB_EMULATOR_HOST\).*"unset MQTT_URL /,
    );
  });

  if (findMosquitto() === undefined) skip('uses a broker of MQTT 5', 'mosquitto is not installed');
  else {
    long('uses a broker of MQTT 5', async () => {
      const mosquitto = scope.use(await startMosquitto());
      const up = await start(['up', 'pipelines/home'], { MQTT_URL: mosquitto.url });
      const env = exportedEnv(up.stdout);
      assert.equal([env.MQTT_URL, env.MQTT_PROTOCOL_VERSION], [mosquitto.url, undefined]);
      await publish(mosquitto.url, '{"temperature":18.5}');
      await assertLanded(env, 18.5);
      assert.is(await up.end('SIGINT'), 0, up.output);
    });
  }

  test('is not needed: sandbox, provision and run do the same in terminals of their own', async () => {
    const sandbox = await start(['sandbox'], {}, /sandbox ready/);
    const env = exportedEnv(sandbox.stdout);
    const provisioned = await runCli(['provision', ...SERVICE_NAMES.map((name) => `pipelines/home/${name}`)], {
      cwd: folder.path,
      env,
    });
    assert.is(provisioned.code, 0, provisioned.output);
    const services: Child[] = [];
    for (const name of SERVICE_NAMES)
      services.push(await start(['run', `pipelines/home/${name}`], env, /service\.ready/));
    await publish(env.MQTT_URL ?? '', '{"temperature":17.5}');
    await assertLanded(env, 17.5);
    for (const service of services) assert.is(await service.end('SIGINT'), 0, service.output);
    assert.is(await sandbox.end('SIGINT'), 0, sandbox.output);
  });

  test('ends with code 1 when its sandbox has ended', async () => {
    const up = await start(['up', 'pipelines/home']);
    const [sandbox] = execFileSync('pgrep', ['-P', String(up.pid)], { encoding: 'utf8' })
      .trim()
      .split('\n');
    process.kill(Number(sandbox), 'SIGKILL');
    assert.is(await up.exited, 1, up.output);
    assert.match(up.output, /the sandbox has ended/);
  });

  test('refuses what is wrong with a pipeline before it starts anything', async () => {
    writeFileSync(join(folder.path, 'pipelines/home/enrich/pipeline.yaml'), 'service: enrich\n');
    const { code, stdout, output } = await runCli(['up', 'pipelines/home'], { cwd: folder.path });
    assert.is(code, 2, output);
    assert.match(output, /home\/enrich\/pipeline\.yaml: \d+ problems/);
    assert.is(stdout, '');
    const missing = await runCli(['up', 'pipelines/house'], { cwd: folder.path });
    assert.is(missing.code, 2, missing.output);
    assert.match(missing.output, /pipelines\/house: [\s\S]*there is no such file or folder/);
  });

  test('ends cleanly on Ctrl-C while a service waits', async () => {
    // A server that accepts connections, and is not a broker.
    const other = await start(['sandbox'], {}, /sandbox ready/);
    const { STORAGE_EMULATOR_HOST = '' } = exportedEnv(other.stdout);
    const { port } = new URL(STORAGE_EMULATOR_HOST);
    const up = await start(
      ['up', 'pipelines/home'],
      { MQTT_URL: `mqtt://127.0.0.1:${port}` },
      /connection to the broker lost|broker or connection error/,
    );
    assert.is(await up.end('SIGINT'), 0, up.output);
  });
});
