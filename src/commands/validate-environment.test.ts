import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { isRecord } from '../config/interpolate.ts';
import { builtInPipeline, runCli } from '../testing/cli.ts';
import { suite } from '../testing/suite.ts';

/** The environment set by deployments of the Go platform and Cloud Run: more than any single service reads. */
const GO_ENV = {
  PROJECT_ID: 'go-project',
  PORT: '9001',
  MQTT_BROKER_URL: 'tls://go-broker:8883',
  MQTT_TOPIC: 'devices/+/data',
  MQTT_USERNAME: 'go-user',
  MQTT_PASSWORD: 'go-password',
  MQTT_INSECURE_SKIP_VERIFY: 'true',
  MQTT_KEEP_ALIVE_SECONDS: '17',
  MQTT_CONNECT_TIMEOUT_SECONDS: '4',
  BUCKET_PREFIX: 'go-prefix',
  SERVICE_NAME: 'go-service',
  DATAFLOW_NAME: 'go-dataflow',
  K_SERVICE: 'run',
  K_REVISION: 'run-00001',
  K_CONFIGURATION: 'run',
};

/** Names of this project, which take precedence. */
const OWN_ENV = {
  GOOGLE_CLOUD_PROJECT: 'own-project',
  HTTP_PORT: '9002',
  MQTT_URL: 'mqtt://own-broker:1883',
  ARCHIVE_PREFIX: 'own-prefix',
};

const OVERRIDES = { DATAFLOW_GOOGLE__PROJECT_ID: 'overriding-project', DATAFLOW_HTTP__PORT: '9003' };

/** The settings that the names set, by pipeline; all have `google.projectId` and `http.port`. */
const SETTINGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ingestion: {
    'mqtt.url': 'tls://go-broker:8883',
    'mqtt.username': 'go-user',
    'mqtt.password': '***',
    'mqtt.tls.insecureSkipVerify': true,
    'mqtt.keepAliveSeconds': 17,
    'mqtt.connectTimeoutMs': 4_000,
    'routes.readings.source.mqtt_topic': 'devices/+/data',
    'routes.events.source.mqtt_topic': 'devices/+/data',
  },
  enrich: {},
  icestore: { 'bucket.prefix': 'go-prefix' },
  bigqueries: {},
};

async function validated(name: string, env: NodeJS.ProcessEnv): Promise<(path: string) => unknown> {
  // Removes these names from the machine's own environment.
  const none = Object.fromEntries(Object.keys({ ...GO_ENV, ...OWN_ENV, ...OVERRIDES }).map((key) => [key, undefined]));
  const { code, stdout, output } = await runCli(['validate', builtInPipeline(name)], {
    env: { ...none, ARCHIVE_BUCKET: 'archive', ...env },
  });
  assert.is(code, 0, `${name}: ${output}`);
  const config: unknown = parse(stdout);
  return (path) => path.split('.').reduce((value, key) => (isRecord(value) ? value[key] : undefined), config);
}

suite('environment of the shipped pipelines', ({ test }) => {
  for (const [name, settings] of Object.entries(SETTINGS)) {
    test(`${name}: accepts the names of Go deployments and Cloud Run; our names and then overrides take precedence`, async () => {
      const go = await validated(name, GO_ENV);
      const expected = { 'google.projectId': 'go-project', 'http.port': 9001, ...settings };
      for (const [path, value] of Object.entries(expected)) assert.is(go(path), value, path);

      const own = await validated(name, { ...GO_ENV, ...OWN_ENV });
      assert.equal([own('google.projectId'), own('http.port')], ['own-project', 9002]);
      if (name === 'ingestion') assert.is(own('mqtt.url'), 'mqtt://own-broker:1883');
      if (name === 'icestore') assert.is(own('bucket.prefix'), 'own-prefix');

      const overridden = await validated(name, { ...GO_ENV, ...OWN_ENV, ...OVERRIDES });
      assert.equal([overridden('google.projectId'), overridden('http.port')], ['overriding-project', 9003]);
    });
  }

  test('ingestion: by default without credentials, with the routes of each kind; accepts any filter', async () => {
    const plain = await validated('ingestion', { PROJECT_ID: 'p', MQTT_USERNAME: '', MQTT_TOPIC_ROOT: 'plants' });
    assert.equal([plain('mqtt.username'), plain('mqtt.password')], [undefined, undefined]);
    assert.equal([plain('mqtt.keepAliveSeconds'), plain('mqtt.tls.insecureSkipVerify')], [60, false]);
    assert.is(plain('routes.readings.source.mqtt_topic'), 'plants/+/devices/+/readings');
    assert.is(plain('routes.events.device.topic'), 'plants/{location}/devices/{DeviceID}/events');
    for (const filter of ['#', 'sites/#', 'one/topic', '$share/group/devices/+']) {
      await validated('ingestion', { PROJECT_ID: 'p', MQTT_TOPIC: filter });
    }
    const named = { PROJECT_ID: 'p', MQTT_TOPIC: 'plants/+/+', MQTT_DEVICE_TOPIC: 'plants/{location}/{DeviceID}' };
    assert.is((await validated('ingestion', named))('routes.events.device.topic'), 'plants/{location}/{DeviceID}');
  });

  test('a missing project is reported with the names of all variables', async () => {
    const { code, output } = await runCli(['validate', builtInPipeline('enrich')], {
      env: { GOOGLE_CLOUD_PROJECT: undefined, PROJECT_ID: undefined },
    });
    assert.is(code, 2);
    assert.match(
      output,
      'google.projectId: none of the environment variables GOOGLE_CLOUD_PROJECT and PROJECT_ID is set',
    );
  });
});
