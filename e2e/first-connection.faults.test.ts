import * as assert from 'uvu/assert';
import type { ServiceName } from '../src/services/services.ts';
import { builtInPipeline, startCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { startSilentServer } from '../src/testing/silent-server.ts';
import { suite } from '../src/testing/suite.ts';
import { openService } from '../src/testing/test-run.ts';

/** Timeout of calls at start, and of a gRPC connection without a first byte. MQTT has a setting. */
const ANSWER_WITHIN_MS = 10_000;
const MQTT_TIMEOUT_MS = 300;

interface FirstConnection {
  readonly service: ServiceName;
  /** The variable that names the server. */
  readonly variable: string;
  /** The part that the service reports as awaited while it is not ready; undefined if it does not wait. */
  readonly waitsFor: RegExp | undefined;
  readonly isLong?: boolean;
}

const CASES: readonly FirstConnection[] = [
  { service: 'ingestion', variable: 'MQTT_URL', waitsFor: /"mqtt":"not connected to mqtt:/ },
  { service: 'ingestion', variable: 'PUBSUB_EMULATOR_HOST', waitsFor: /waiting for producers: /, isLong: true },
  {
    service: 'enrich',
    variable: 'PUBSUB_EMULATOR_HOST',
    waitsFor: /waiting for source\.subscriptionId: /,
    isLong: true,
  },
  {
    service: 'enrich',
    variable: 'FIRESTORE_EMULATOR_HOST',
    waitsFor: /waiting for lookup\.firestore\.collection: .* no answer within 10000 ms/,
    isLong: true,
  },
  { service: 'enrich', variable: 'REDIS_URL', waitsFor: undefined, isLong: true },
  {
    service: 'icestore',
    variable: 'STORAGE_EMULATOR_HOST',
    waitsFor: /waiting for bucket\.name: .* no answer within 10000 ms/,
    isLong: true,
  },
  {
    service: 'bigqueries',
    variable: 'BIGQUERY_EMULATOR_HOST',
    waitsFor: /waiting for table: .* no answer within 10000 ms/,
    isLong: true,
  },
];

suite('a first connection that is accepted and never answered', (it) => {
  const { test, long, before } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole);
  });

  for (const { service: name, variable, waitsFor, isLong } of CASES) {
    (isLong ? long : test)(`${name} at ${variable}: reports the awaited server, reconnects, and works`, async () => {
      const { sandbox, mqttEnv } = servers;
      const address = sandbox.env[variable] ?? '';
      const [, port] = /:(\d+)$/.exec(address) ?? [];
      assert.ok(port, `${variable} is not set`);
      const silent = scope.use(await startSilentServer({ silentConnections: 1, target: Number(port) }));
      const tested = await openService(scope, name, {
        projectId: sandbox.projectId,
        mqttUrl: mqttEnv.MQTT_URL,
      });
      const started = performance.now();
      const child = await startCli(['run', builtInPipeline(name)], {
        env: {
          HTTP_PORT: '0',
          ...mqttEnv,
          ...tested.resources.env,
          DATAFLOW_MQTT__CONNECT_TIMEOUT_MS: name === 'ingestion' ? String(MQTT_TIMEOUT_MS) : undefined,
          [variable]: address.replace(`:${port}`, `:${silent.port}`),
          LOG_LEVEL: 'info',
        },
      });
      scope.defer(() => child.end('SIGKILL'));
      await eventually(() => assert.match(child.output, '"event":"service.ready"'), {
        deadlineMs: 3 * ANSWER_WITHIN_MS,
      });
      console.log(`  ${name}, ${variable}: ready after ${((performance.now() - started) / 1_000).toFixed(1)} s`);
      if (waitsFor !== undefined) {
        const lines = child.output.split('\n').filter((line) => line.includes('"event":"service.not_ready"'));
        assert.match(lines.join('\n'), waitsFor);
      }
      // The service becomes ready without its cache.
      await eventually(() => assert.ok(silent.accepted > 1, 'reconnected'));
      await tested.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: 100 }).done;
      await tested.arrival(100, 90_000);
    });
  }
});
