import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { FatalError } from '../../core/errors.ts';
import { freePort } from '../../sandbox/free-port.ts';
import { type Certificates, hasOpenssl, makeCertificates } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { type MqttHarness, startMqttSource } from '../../testing/mqtt-harness.ts';
import { testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { createMqttClient } from './client.ts';

interface TlsBroker {
  readonly broker: Mosquitto;
  readonly folder: string;
  readonly certificates: Certificates;
  readonly urls: Readonly<Record<'mqtts' | 'wss', string>>;
}

suite('Renewed certificates of an MQTT broker', (it) => {
  const scope = testScope(it);
  const test = (name: string, body: () => Promise<void>): void => {
    if (!hasOpenssl()) it.skip(name, 'openssl is not installed');
    else if (findMosquitto() === undefined) it.skip(name, 'mosquitto is not installed');
    else it.test(name, body);
  };

  const folderOfTest = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'tls-rotation-'));
    scope.defer(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };

  /** A broker whose certificates, and those of its clients, are signed by one authority. It reads them at start. */
  const startTlsBroker = async (): Promise<TlsBroker> => {
    const folder = folderOfTest();
    const certificates = makeCertificates(folder);
    const { caFile, server } = certificates;
    const lines = [
      `cafile ${caFile}`,
      `certfile ${server.certFile}`,
      `keyfile ${server.keyFile}`,
      'require_certificate true',
    ];
    const [tcp, web] = [await freePort(), await freePort()];
    const listeners = [`listener ${tcp} 127.0.0.1`, ...lines, `listener ${web} 127.0.0.1`, 'protocol websockets'];
    const broker = scope.use(await startMosquitto([...listeners, ...lines]));
    const urls = { mqtts: `mqtts://127.0.0.1:${tcp}`, wss: `wss://127.0.0.1:${web}` };
    return { broker, folder, certificates, urls };
  };

  const startSource = ({ urls, certificates }: TlsBroker, scheme: 'mqtts' | 'wss'): MqttHarness =>
    startMqttSource(scope, urls[scheme], { tls: { caFile: certificates.caFile, ...certificates.client } });

  const ready = (harness: MqttHarness) =>
    eventually(() => assert.ok(harness.readiness.report.ready, JSON.stringify(harness.readiness.report.components)));

  const detailOf = (harness: MqttHarness): string => harness.readiness.report.components.mqtt?.detail ?? '';

  for (const scheme of ['mqtts', 'wss'] as const) {
    test(`${scheme}: are read at the next connection`, async () => {
      const tls = await startTlsBroker();
      const harness = startSource(tls, scheme);
      await ready(harness);
      await tls.broker.stop('SIGTERM');
      makeCertificates(tls.folder);
      await tls.broker.restart();
      await ready(harness);
      const publisher = await connectAsync(tls.broker.url);
      await publisher.publishAsync('devices/d1', 'after the renewal', { qos: 1 });
      await publisher.endAsync();
      await harness.received(1);
      assert.equal(harness.texts, ['after the renewal']);
    });

    test(`${scheme}: waits for a file that is missing or incomplete`, async () => {
      const tls = await startTlsBroker();
      const { caFile, client } = tls.certificates;
      const harness = startSource(tls, scheme);
      await ready(harness);
      const files = { caFile, ...client };
      for (const [name, file] of Object.entries(files)) {
        const whole = readFileSync(file);
        const breaking = [
          () => rmSync(file),
          () => writeFileSync(file, ''),
          () => writeFileSync(file, whole.subarray(0, whole.byteLength / 2)),
        ];
        for (const breakFile of breaking) {
          breakFile();
          harness.client.stream.destroy();
          await eventually(() => assert.match(detailOf(harness), `mqtt.tls.${name}: ${file}: `));
          writeFileSync(file, whole);
          await ready(harness);
        }
      }
      assert.is(harness.error, undefined);
      assert.match(String(harness.events('mqtt.error')[0]?.error), `mqtt.tls.caFile: ${caFile}: `);
    });
  }

  test('a broken file at start is fatal, and the error names it', async () => {
    const folder = folderOfTest();
    const { caFile, client } = makeCertificates(folder);
    for (const [name, file] of Object.entries({ caFile, ...client })) {
      const whole = readFileSync(file);
      writeFileSync(file, 'not PEM');
      try {
        const config = {
          url: 'mqtts://127.0.0.1:1',
          clientId: 'x',
          protocolVersion: 5,
          keepAliveSeconds: 60,
          connectTimeoutMs: 1_000,
          reconnectMinMs: 10,
          sessionExpirySeconds: 0,
          maxInFlight: 1,
          tls: { caFile, ...client, insecureSkipVerify: false },
        } as const;
        assert.throws(
          () => createMqttClient(config),
          (error: unknown) => error instanceof FatalError && error.message.startsWith(`mqtt.tls.${name}: ${file}: `),
        );
      } finally {
        writeFileSync(file, whole);
      }
    }
  });
});
