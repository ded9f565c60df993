import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type IClientOptions } from 'mqtt';
import * as assert from 'uvu/assert';
import type { ConfigIssue } from '../../config/config-error.ts';
import { parse } from '../../config/parse.ts';
import { FatalError } from '../../core/errors.ts';
import { freePort } from '../../sandbox/free-port.ts';
import { hasOpenssl, makeCertificates } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { type MqttHarness, startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';
import { mqttSourceSchema } from './config.ts';

const VERSIONS = [4, 5] as const;

suite('Connecting to mosquitto', (it) => {
  const scope = testScope(it);
  const hasMosquitto = findMosquitto() !== undefined;
  const test = (name: string, body: () => Promise<void>): void => {
    if (hasMosquitto) it.test(name, body);
    else it.skip(name, 'mosquitto is not installed');
  };
  const folderOfTest = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'mqtt-connect-'));
    scope.defer(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };
  const publish = async (url: string, options: IClientOptions = {}): Promise<void> => {
    const publisher = await connectAsync(url, options);
    await publisher.publishAsync('devices/d1', 'hello', { qos: 1 });
    await publisher.endAsync();
  };
  const carriesMessages = async (harness: MqttHarness, publishUrl: string, options?: IClientOptions): Promise<void> => {
    let readByMqttJs = 0;
    harness.client.on('packetreceive', ({ cmd }) => {
      if (cmd === 'publish') readByMqttJs += 1;
    });
    await eventually(() =>
      assert.ok(harness.readiness.report.ready, JSON.stringify(harness.readiness.report.components)),
    );
    await publish(publishUrl, options);
    await harness.received(1);
    assert.equal(harness.texts, ['hello']);
    assert.is(harness.deliveries[0]?.message.attributes.mqtt_topic, 'devices/d1');
    harness.ack(0);
    await eventually(() => assert.is(harness.source.unconfirmed, 0));
    assert.is(readByMqttJs, 0, 'the tap reads messages, over every transport');
  };

  for (const protocolVersion of VERSIONS) {
    test(`protocol version ${protocolVersion}, tcp`, async () => {
      const broker = scope.use(await startMosquitto());
      await carriesMessages(startMqttSource(scope, broker.url, { protocolVersion }), broker.url);
      const url = broker.url.replace('mqtt:', 'tcp:');
      await carriesMessages(startMqttSource(scope, url, { protocolVersion }), broker.url);
    });

    test(`protocol version ${protocolVersion}, ws`, async () => {
      const port = await freePort();
      const broker = scope.use(await startMosquitto([`listener ${port} 127.0.0.1`, 'protocol websockets']));
      await carriesMessages(startMqttSource(scope, `ws://127.0.0.1:${port}/mqtt`, { protocolVersion }), broker.url);
    });

    const overTls = `protocol version ${protocolVersion}, TLS with a client certificate, tcp and ws`;
    if (!hasOpenssl()) it.skip(overTls, 'openssl is not installed');
    else {
      test(overTls, async () => {
        const { caFile, server, client } = makeCertificates(folderOfTest());
        const ports = [await freePort(), await freePort()];
        const lines = [
          `cafile ${caFile}`,
          `certfile ${server.certFile}`,
          `keyfile ${server.keyFile}`,
          'require_certificate true',
        ];
        const broker = scope.use(
          await startMosquitto([
            ...[`listener ${ports[0]} 127.0.0.1`, ...lines],
            ...[`listener ${ports[1]} 127.0.0.1`, ...lines, 'protocol websockets'],
          ]),
        );
        const tls = { caFile, ...client };
        for (const url of [
          `mqtts://127.0.0.1:${ports[0]}`,
          `ssl://127.0.0.1:${ports[0]}`,
          `wss://127.0.0.1:${ports[1]}`,
        ]) {
          await carriesMessages(startMqttSource(scope, url, { protocolVersion, tls }), broker.url);
        }
        // An untrusted server certificate is refused, and so is a missing client certificate.
        const untrusting = startMqttSource(scope, `mqtts://127.0.0.1:${ports[0]}`, { protocolVersion, tls: client });
        const anonymous = startMqttSource(scope, `mqtts://127.0.0.1:${ports[0]}`, { protocolVersion, tls: { caFile } });
        for (const harness of [untrusting, anonymous]) {
          await eventually(() => assert.ok(harness.events('mqtt.disconnected').length >= 2));
          assert.not(harness.client.connected);
          assert.not(harness.readiness.report.ready);
        }
        const careless = { ...client, insecureSkipVerify: true };
        await carriesMessages(
          startMqttSource(scope, `mqtts://127.0.0.1:${ports[0]}`, { protocolVersion, tls: careless }),
          broker.url,
        );
      });
    }

    const withPassword = `protocol version ${protocolVersion}, user name and password; a wrong one is fatal at the start`;
    if (spawnSync('mosquitto_passwd', { stdio: 'ignore' }).error !== undefined) {
      it.skip(withPassword, 'mosquitto_passwd is not installed');
    } else {
      test(withPassword, async () => {
        const file = join(folderOfTest(), 'passwords');
        assert.is(spawnSync('mosquitto_passwd', ['-b', '-c', file, 'ingestion', 's3cret']).status, 0);
        const broker = scope.use(await startMosquitto([`password_file ${file}`, 'allow_anonymous false']));
        const user = { username: 'ingestion', password: 's3cret' };
        await carriesMessages(startMqttSource(scope, broker.url, { protocolVersion, ...user }), broker.url, user);
        for (const wrong of [{ ...user, password: 'wrong' }, {}]) {
          const harness = startMqttSource(scope, broker.url, { protocolVersion, ...wrong });
          await eventually(() => assert.instance(harness.error, FatalError));
          const { message } = harness.error instanceof Error ? harness.error : new Error();
          assert.match(message, /^mqtt\.username, mqtt\.password: mqtt:\/\/127\.0\.0\.1:\d+ refused: /);
          assert.not.match(message, 'wrong');
          await harness.source.disconnected;
        }
      });
    }
  }

  it.test('refuses a configuration with a missing certificate file, and names the setting', () => {
    for (const setting of ['caFile', 'certFile', 'keyFile']) {
      const issues: ConfigIssue[] = [];
      const tls = { [setting]: '/does/not/exist.pem' };
      parse(mqttSourceSchema, { url: 'mqtts://127.0.0.1:8883', clientId: 'x', tls }, issues, 'mqtt');
      assert.equal(issues, [
        {
          path: `mqtt.tls.${setting}`,
          problem: 'the file "/does/not/exist.pem" does not exist or cannot be read',
        },
      ]);
    }
  });

  it.test('a permanent refusal is fatal only at start, and names the setting', async () => {
    const refusals: [protocolVersion: 4 | 5, code: number, setting: string][] = [
      [4, 1, 'mqtt.protocolVersion'],
      [4, 2, 'mqtt.clientId'],
      [4, 4, 'mqtt.username, mqtt.password'],
      [5, 132, 'mqtt.protocolVersion'],
      [5, 133, 'mqtt.clientId'],
      [5, 135, 'mqtt.username, mqtt.password'],
    ];
    for (const [protocolVersion, code, setting] of refusals) {
      const broker = scope.use(await startScriptedBroker({ connack: () => ({ code }) }));
      const harness = startMqttSource(scope, broker.url, { protocolVersion });
      await eventually(() => assert.instance(harness.error, FatalError));
      assert.ok(harness.error instanceof Error && harness.error.message.startsWith(`${setting}: mqtt://127.0.0.1`));
      await harness.source.disconnected;
      // After the first connection, the same refusal is an outage.
      const changing = scope.use(
        await startScriptedBroker({ connack: ({ number }) => (number === 2 ? { code } : {}) }),
      );
      const patient = startMqttSource(scope, changing.url, { protocolVersion });
      await eventually(() => assert.ok(patient.readiness.report.ready));
      changing.connections[0]?.cut();
      const third = await changing.connection(3);
      await eventually(() => assert.ok(patient.client.connected));
      await patient.roundTrip(third);
      assert.is(patient.error, undefined);
      assert.ok(patient.readiness.report.ready);
    }
  });

  it.test('waits for a broker that is unavailable or busy', async () => {
    for (const [protocolVersion, code] of [
      [4, 3],
      [5, 136],
      [5, 137],
    ] as const) {
      const broker = scope.use(await startScriptedBroker({ connack: ({ number }) => (number < 3 ? { code } : {}) }));
      const harness = startMqttSource(scope, broker.url, { protocolVersion });
      await eventually(() => assert.ok(harness.readiness.report.ready));
      assert.is(broker.connections.length, 3);
      assert.is(harness.error, undefined);
    }
  });
});
