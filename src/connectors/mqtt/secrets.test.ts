import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import type { ConfigIssue } from '../../config/config-error.ts';
import { parse } from '../../config/parse.ts';
import { FatalError } from '../../core/errors.ts';
import { freePort } from '../../sandbox/free-port.ts';
import { hasOpenssl, makeCertificates } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { type MqttHarness, startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';
import { mqttSourceSchema } from './config.ts';

const USER = 'ingestion';

suite('Secrets of an MQTT connection', (it) => {
  const scope = testScope(it);
  const test = (name: string, body: () => Promise<void>): void => {
    const hasPasswords = spawnSync('mosquitto_passwd', { stdio: 'ignore' }).error === undefined;
    if (findMosquitto() === undefined || !hasPasswords) it.skip(name, 'mosquitto is not installed');
    else if (!hasOpenssl()) it.skip(name, 'openssl is not installed');
    else it.test(name, body);
  };
  const folderOfTest = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'mqtt-secrets-'));
    scope.defer(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };
  const ready = (harness: MqttHarness) =>
    eventually(() => assert.ok(harness.readiness.report.ready, JSON.stringify(harness.readiness.report.components)));
  const detailOf = (harness: MqttHarness): string => harness.readiness.report.components.mqtt?.detail ?? '';
  const setPassword = (folder: string, password: string): void => {
    assert.is(spawnSync('mosquitto_passwd', ['-b', '-c', join(folder, 'passwords'), USER, password]).status, 0);
  };
  const startWithPassword = async (password: string): Promise<{ broker: Mosquitto; folder: string }> => {
    const folder = folderOfTest();
    setPassword(folder, password);
    const lines = [`password_file ${join(folder, 'passwords')}`, 'allow_anonymous false'];
    return { broker: scope.use(await startMosquitto(lines)), folder };
  };

  test('reads a password file for each connection, without its trailing line break', async () => {
    const { broker, folder } = await startWithPassword('first ');
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, 'first \n');
    const harness = startMqttSource(scope, broker.url, { username: USER, passwordFile });
    await ready(harness);
    await broker.stop('SIGTERM');
    setPassword(folder, 'second');
    await broker.restart();
    await eventually(() => assert.ok(harness.events('mqtt.disconnected').length >= 2));
    assert.not(harness.readiness.report.ready);
    rmSync(passwordFile);
    await eventually(() => assert.match(detailOf(harness), `mqtt.passwordFile: ${passwordFile}: `));
    writeFileSync(passwordFile, '\n');
    await eventually(() => assert.match(detailOf(harness), 'the file is empty'));
    writeFileSync(passwordFile, 'second\r\n');
    await ready(harness);
    assert.is(harness.error, undefined);
    const publisher = await connectAsync(broker.url, { username: USER, password: 'second' });
    scope.defer(() => publisher.endAsync());
    await publisher.publishAsync('devices/d1', 'behind the new password', { qos: 1 });
    await harness.received(1);
  });

  test('a wrong password in the file is fatal at start, and the error names the file', async () => {
    const { broker, folder } = await startWithPassword('right');
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, 'wrong-secret');
    const harness = startMqttSource(scope, broker.url, { username: USER, passwordFile });
    await eventually(() => assert.instance(harness.error, FatalError));
    assert.match(String(harness.error), 'mqtt.username, mqtt.passwordFile: ');
    assert.not.match(String(harness.error), 'wrong-secret');
    rmSync(passwordFile);
    const issues: ConfigIssue[] = [];
    const both = { url: broker.url, clientId: 'x', password: 'a', passwordFile: join(folder, 'passwords') };
    parse(mqttSourceSchema, both, issues, 'mqtt');
    parse(mqttSourceSchema, { ...both, password: undefined, passwordFile }, issues, 'mqtt');
    assert.equal(issues, [
      { path: 'mqtt.passwordFile', problem: 'mqtt.password is set too: remove one of them' },
      { path: 'mqtt.passwordFile', problem: `the file "${passwordFile}" does not exist or cannot be read` },
    ]);
  });

  test('a password in the URL may contain colons and encoded characters', async () => {
    const { broker } = await startWithPassword('s3:cr:e@t/?#%');
    const url = broker.url.replace('//', `//${USER}:s3:cr%3Ae%40t%2F%3F%23%25@`);
    for (const protocolVersion of [4, 5] as const) await ready(startMqttSource(scope, url, { protocolVersion }));
  });

  test('refuses a password that YAML parses as a number, and shows how to write it', async () => {
    for (const [setting, value, problem] of [
      ['password', 12_345_678, 'expected a string, got a number: write it in quotes, "…"'],
      ['username', 4_711, 'expected a string, got 4711: write it in quotes, "4711"'],
      ['clientId', true, 'expected a string, got true: write it in quotes, "true"'],
    ] as const) {
      const issues: ConfigIssue[] = [];
      parse(mqttSourceSchema, { url: 'mqtt://127.0.0.1', clientId: 'x', [setting]: value }, issues, 'mqtt');
      assert.equal(issues, [{ path: `mqtt.${setting}`, problem }]);
    }
  });

  test('decrypts a key with a passphrase from a file', async () => {
    const folder = folderOfTest();
    const { caFile, server, client } = makeCertificates(folder);
    const keyFile = join(folder, 'encrypted.key');
    const encrypt = (passphrase: string): void => {
      const output = ['-out', keyFile, '-passout', `pass:${passphrase}`];
      const { status, stderr } = spawnSync('openssl', ['pkcs8', '-topk8', '-in', client.keyFile, ...output]);
      assert.is(status, 0, String(stderr));
    };
    encrypt('open sesame');
    const port = await freePort();
    const lines = [`cafile ${caFile}`, `certfile ${server.certFile}`, `keyfile ${server.keyFile}`];
    scope.use(await startMosquitto([`listener ${port} 127.0.0.1`, ...lines, 'require_certificate true']));
    const url = `mqtts://127.0.0.1:${port}`;
    const keyPassphraseFile = join(folder, 'passphrase');
    writeFileSync(keyPassphraseFile, 'open sesame\n');
    const tls = { caFile, certFile: client.certFile, keyFile };
    const harness = startMqttSource(scope, url, { tls: { ...tls, keyPassphraseFile } });
    await ready(harness);
    encrypt('another');
    writeFileSync(keyPassphraseFile, 'another');
    harness.client.stream.destroy();
    await eventually(() => assert.is(harness.events('mqtt.connected').length, 2));
    const fatal = (settings: object): string => {
      try {
        startMqttSource(scope, url, { tls: { ...tls, ...settings } });
      } catch (thrown) {
        if (thrown instanceof FatalError) return thrown.message;
      }
      throw new Error('it is taken');
    };
    assert.match(
      fatal({}),
      `mqtt.tls.keyFile: ${keyFile}: the key is encrypted, but mqtt.tls.keyPassphraseFile is not set`,
    );
    writeFileSync(keyPassphraseFile, 'wrong-secret');
    const message = fatal({ keyPassphraseFile });
    assert.match(message, `mqtt.tls.keyFile: ${keyFile} with mqtt.tls.keyPassphraseFile ${keyPassphraseFile}: `);
    assert.not.match(message, 'wrong-secret');
  });

  test('offers application protocols (ALPN)', async () => {
    const { caFile, server } = makeCertificates(folderOfTest());
    const broker = scope.use(await startMosquitto());
    const chosen: unknown[] = [];
    const key = readFileSync(server.keyFile);
    const front = createServer({ key, cert: readFileSync(server.certFile), ALPNProtocols: ['http/1.1', 'mqtt'] });
    front.on('secureConnection', (socket) => {
      chosen.push(socket.alpnProtocol);
      const behind = connectTcp(broker.port, '127.0.0.1');
      for (const each of [socket, behind]) each.on('error', () => {});
      socket.pipe(behind).pipe(socket);
      scope.defer(() => {
        socket.destroy();
        behind.destroy();
      });
    });
    const port = await freePort();
    await new Promise<void>((resolve) => front.listen(port, '127.0.0.1', resolve));
    scope.defer(() => {
      front.close();
    });
    const tls = { caFile, alpnProtocols: ['x-amzn-mqtt-ca', 'mqtt'] };
    await ready(startMqttSource(scope, `mqtts://127.0.0.1:${port}`, { tls }));
    assert.equal(chosen, ['mqtt']);
  });

  test('TLS on a port without it is logged once, and reported while it lasts', async () => {
    const broker = scope.use(await startMosquitto());
    for (const [scheme, plain] of [
      ['mqtts', 'mqtt://'],
      ['wss', 'ws://'],
    ] as const) {
      const harness = startMqttSource(scope, broker.url.replace('mqtt:', `${scheme}:`));
      await eventually(() => assert.ok(harness.events('mqtt.disconnected').length >= 4));
      const said = harness.events('mqtt.no_tls');
      assert.is(said.length, 1);
      assert.match(String(said[0]?.hint), `mqtt.url begins with ${scheme}://, but a plain port needs ${plain}`);
      await eventually(() => assert.match(detailOf(harness), `a plain port needs ${plain}`));
      assert.is(harness.error, undefined);
    }
    const outage = startMqttSource(scope, 'mqtt://127.0.0.1:1');
    await eventually(() => assert.ok(outage.events('mqtt.disconnected').length >= 2));
    assert.is(outage.events('mqtt.no_tls').length, 0);
  });

  it.test('the error of a refused protocol version names both versions and the setting', async () => {
    for (const [protocolVersion, code, words] of [
      [5, 132, 'mqtt.protocolVersion is 5 (MQTT 5), the broker may require 4 (MQTT 3.1.1)'],
      [4, 1, 'mqtt.protocolVersion is 4 (MQTT 3.1.1), the broker may require 5 (MQTT 5)'],
    ] as const) {
      const broker = scope.use(await startScriptedBroker({ connack: () => ({ code }) }));
      const harness = startMqttSource(scope, broker.url, { protocolVersion });
      await eventually(() => assert.instance(harness.error, FatalError));
      assert.match(String(harness.error), words);
    }
  });
});
