import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { type Child, startChild } from '../src/testing/child.ts';
import { eventually } from '../src/testing/eventually.ts';
import { freePort } from '../src/testing/free-port.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { suite } from '../src/testing/suite.ts';

const LAUNCH = join(import.meta.dirname, '../src/launch.mjs');
const hasRedis = spawnSync('redis-server', ['--version']).error === undefined;

/** What may appear nowhere; each place has its own, so that a leak tells where it comes from. */
const secret = (place: string) => `${place}-${randomBytes(8).toString('hex')}`;

suite('secrets', ({ test, skip, before, after }) => {
  let sandbox: Sandbox;
  let folder: string;
  let broker: Mosquitto | undefined;
  const right = secret('broker');

  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub', 'firestore'] });
    sandbox.applyEnv();
    folder = mkdtempSync(join(tmpdir(), 'secrets-'));
    if (findMosquitto() === undefined) return;
    const passwords = join(folder, 'passwords');
    writeFileSync(passwords, '');
    spawnSync('mosquitto_passwd', ['-b', passwords, 'device', right]);
    broker = await startMosquitto(['allow_anonymous false', `password_file ${passwords}`]);
  });
  after(async () => {
    await broker?.close();
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const pipeline = (name: string, lines: readonly string[]): string => {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  };
  const common = [
    'google: { projectId: sandbox }',
    'http: { host: 127.0.0.1, port: 0 }',
    'log: { level: trace }',
    'readiness: { stalledAfterMs: 1000 }',
  ];
  const ingestion = (name: string, mqtt: readonly string[]) =>
    pipeline(name, [
      'service: ingestion',
      ...common,
      'mqtt:',
      '  clientId: secrets',
      '  connectTimeoutMs: 2000',
      ...mqtt.map((line) => `  ${line}`),
      'routes: { all: { source: { mqtt_topic: "a/+", qos: 1 }, destination: { route_name: raw } } }',
      'producers: { raw: { outputTopicId: secrets } }',
      'deadLetters: { topicId: secrets }',
    ]);
  const launch = (command: string, file: string, env: NodeJS.ProcessEnv = {}): Promise<Child> =>
    startChild(process.execPath, [LAUNCH, command, file], { env: { ...process.env, ...env } });
  /** Everything that a service says of itself over HTTP. */
  const askedOver = async (child: Child): Promise<string> => {
    const url = await eventually(() => {
      const found = /"url":"(http:[^"]+)"/.exec(child.output)?.[1];
      if (found === undefined) throw new Error(`no address yet:\n${child.output}`);
      return found;
    });
    const answers = await Promise.all(
      ['/healthz', '/readyz', '/metrics'].map(async (path) => (await fetch(url + path)).text()),
    );
    return answers.join('\n');
  };
  const assertSilent = (said: string, ...secrets: readonly string[]): void => {
    assert.ok(said.length > 50, 'it has said something');
    for (const each of secrets) {
      for (const form of [each, encodeURIComponent(each), Buffer.from(each).toString('base64').slice(0, -3)]) {
        assert.not.ok(said.includes(form), `${form} was printed:\n${said.slice(0, 4_000)}`);
      }
    }
  };
  const createTopic = async () => {
    const { PubSub } = await import('@google-cloud/pubsub');
    const pubsub = new PubSub({ projectId: 'sandbox' });
    await pubsub.topic('secrets').get({ autoCreate: true });
    await pubsub.close();
  };

  if (findMosquitto() === undefined) skip('of the broker', 'mosquitto is not installed');
  else {
    test('of the broker: right, wrong, in the address, unreachable', async () => {
      await createTopic();
      const url = broker?.url ?? '';
      const wrong = secret('wrong');
      const inUrl = secret('url');
      const userinfo = url.replace('mqtt://', `mqtt://device:${inUrl}@`);
      for (const [name, lines, ends] of [
        ['right', [`url: ${url}`, 'username: device', `password: ${right}`], false],
        ['refused', [`url: ${url}`, 'username: device', `password: ${wrong}`], true],
        ['userinfo', [`url: ${userinfo}`], true],
        ['nobody', [`url: mqtt://device:${inUrl}@127.0.0.1:1`, `password: ${wrong}`], false],
      ] as const) {
        const file = ingestion(name, lines);
        const child = await launch('run', file);
        let said = '';
        if (ends) assert.is(await child.exited, 1, child.output);
        else {
          await eventually(() => assert.match(child.output, /mqtt\.(subscribed|error|disconnected)/));
          said = await askedOver(child);
          await child.end('SIGTERM');
        }
        assertSilent(child.output + said, right, wrong, inUrl);
        const shown = await launch('validate', file);
        await shown.exited;
        assertSilent(shown.output, right, wrong, inUrl);
      }
    });
  }

  test('in a file that cannot be read, and in overrides that are refused', async () => {
    const hidden = secret('yaml');
    for (const [name, lines] of [
      ['indent', [`url: mqtt://x:${hidden}@host`, `   password: ${hidden}`]],
      ['quote', [`password: "${hidden}`]],
      ['duplicate', [`password: ${hidden}`, `password: ${hidden}`, 'url: mqtt://h']],
      ['type', ['url: mqtt://h', `password: { value: ${hidden} }`]],
      ['scheme', [`url: http://user:${hidden}@host`, 'username: u']],
      ['no-address', [`url: "${hidden}"`]],
      ['unknown', ['url: mqtt://h', `passwort: ${hidden}`]],
    ] as const) {
      for (const command of ['validate', 'run']) {
        const child = await launch(command, ingestion(name, lines));
        assert.is(await child.exited, 2, `${name}: ${child.output}`);
        assertSilent(child.output, hidden);
      }
    }
    const file = ingestion('fine', ['url: mqtt://h']);
    const child = await launch('validate', file, {
      DATAFLOW_MQTT__PASSWORD: hidden,
      DATAFLOW_MQTT__URL: `ftp://user:${hidden}@host`,
      DATAFLOW_MQTT__PASSWORDS: hidden,
    });
    assert.is(await child.exited, 2, child.output);
    assertSilent(child.output, hidden);
  });

  test('of files: keys that cannot be used', async () => {
    await createTopic();
    const [tls, google] = [secret('tls'), secret('google')];
    const keyFile = join(folder, 'key.pem');
    writeFileSync(keyFile, `-----BEGIN PRIVATE KEY-----\n${tls}\n-----END PRIVATE KEY-----\n`);
    const credentials = join(folder, 'credentials.json');
    const file = ingestion('tls', ['url: mqtts://127.0.0.1:1', `tls: { keyFile: ${keyFile}, certFile: ${keyFile} }`]);
    for (const content of [`{"type":"service_account","private_key":"${google}"`, `{"private_key":"${google}"}`]) {
      writeFileSync(credentials, content);
      const child = await launch('run', file, {
        DATAFLOW_GOOGLE__KEY_FILENAME: credentials,
        // Not an emulator: the file is read.
        PUBSUB_EMULATOR_HOST: '',
      });
      await eventually(() => assert.match(child.output, /service\.(failed|not_ready|starting)/));
      await Promise.race([child.exited, new Promise((resolve) => setTimeout(resolve, 3_000))]);
      child.kill('SIGKILL');
      await child.exited;
      assertSilent(child.output, tls, google);
    }
    const onEmulator = await launch('run', file);
    await Promise.race([onEmulator.exited, eventually(() => assert.match(onEmulator.output, /mqtt\.|failed/))]);
    await onEmulator.end('SIGTERM');
    assertSilent(onEmulator.output, tls, google);
  });

  if (!hasRedis) skip('of Redis', 'redis-server is not installed');
  else
    test('of Redis: right, wrong, unreachable', async () => {
      const { PubSub } = await import('@google-cloud/pubsub');
      const pubsub = new PubSub({ projectId: 'sandbox' });
      const [topic] = await pubsub.topic('secrets').get({ autoCreate: true });
      await topic.subscription('secrets').get({ autoCreate: true });
      const password = secret('redis');
      const wrong = secret('wrong');
      const port = await freePort();
      const redis = await startChild(
        'redis-server',
        ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--requirepass', password],
        {
          readyWhen: /Ready to accept/,
        },
      );
      for (const [name, url] of [
        ['right', `redis://:${password}@127.0.0.1:${port}`],
        ['wrong', `redis://user:${wrong}@127.0.0.1:${port}`],
        ['nobody', `redis://:${password}@127.0.0.1:1`],
      ] as const) {
        const file = pipeline(`redis-${name}`, [
          'service: enrich',
          ...common,
          'source: { subscriptionId: secrets }',
          'key: [payload.device]',
          `lookup: { redis: { url: "${url}" }, firestore: { collection: c } }`,
          'output: { topicId: secrets }',
        ]);
        const child = await launch('run', file);
        const said = await askedOver(child);
        const json = {
          id: name,
          payload: Buffer.from('{"device":"d"}').toString('base64'),
          publishTime: '2026-01-01T00:00:00Z',
        };
        await topic.publishMessage({ json });
        await eventually(async () => assert.match(await askedOver(child), /dataflow_received_total\{[^}]*\} [1-9]/));
        await eventually(async () => {
          // One more: Redis is asked again.
          await topic.publishMessage({ json });
          const degraded = (await askedOver(child)).includes('"redis":{"state":"degraded"');
          assert.is(degraded, name !== 'right');
        });
        const later = await askedOver(child);
        await child.end('SIGTERM');
        assertSilent(child.output + said + later, password, wrong);
        const shown = await launch('validate', file);
        assert.is(await shown.exited, 0, shown.output);
        assertSilent(shown.output, password, wrong);
      }
      await redis.end();
      await pubsub.close();
    });
});
