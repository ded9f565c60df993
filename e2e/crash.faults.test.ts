import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import type { ServiceProcess } from '../src/testing/service-process.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { casesOf, openService, type ServiceCases, type TestService } from '../src/testing/test-run.ts';

/** The minimum; the load continues until the last kill. */
const MESSAGES = sized({ full: 5_000, short: 1_500 });
const KILLS = sized({ full: 5, short: 1 });
const RATE = 1_500;
const TEST_TIMEOUT_MS = 400_000;

interface CrashCase {
  /** Messages that one crash can repeat: the unsettled ones. */
  readonly repeated: number;
  /** Small enough that a kill interrupts work of every kind: waiting batches, and calls in flight. */
  readonly env: Readonly<Record<string, string>>;
}

const LEASE = { DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000' };

const CASES: ServiceCases<CrashCase> = {
  ingestion: { repeated: 5_000, env: {} },
  enrich: { repeated: 10_000, env: LEASE },
  icestore: { repeated: 10_000, env: { ...LEASE, ARCHIVE_MAX_AGE_MS: '300' } },
  // A row never appears twice: BigQuery deduplicates by insert id.
  bigqueries: { repeated: 0, env: { ...LEASE, DATAFLOW_INSERT__MAX_ROWS: '100' } },
};

suite('kill -9', (it) => {
  const { test, long, skip, before } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole);
  });

  /** Kills the service at random moments during a load, and restarts it with the same identity. */
  const killRepeatedly = async (
    tested: TestService,
    first: ServiceProcess,
    services: ServiceProcess[],
  ): Promise<ServiceProcess> => {
    let service = first;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await eventually(
        async () => assert.ok((await service.scrape()).settled('acked') > 50, 'it works before it is killed'),
        { deadlineMs: 40_000 },
      );
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
      await service.end('SIGKILL');
      service = await tested.start();
      services.push(service);
    }
    return service;
  };

  const losesNothing = async (tested: TestService) => {
    // A broker stores nothing for an unknown session: the service starts before the load.
    const first = await tested.start();
    const services = [first];
    const load = tested.load({ ratePerSecond: RATE });
    const last = await killRepeatedly(tested, first, services);
    await eventually(() => assert.ok(load.published >= MESSAGES));
    const published = await load.stop();
    await tested.arrival(published);
    await eventually(async () => {
      const metrics = await last.scrape();
      metrics.assertLedger();
      assert.is(metrics.inFlight, 0);
      if (tested.name === 'ingestion')
        assert.is(metrics.value('dataflow_mqtt_pubacks_owed'), 0, 'every PUBACK is written');
    });
    assert.is(await last.end('SIGTERM'), 0, `a clean end:\n${last.output}`);
    const { entries, distinctIds } = await tested.sink();
    const duplicates = entries - distinctIds;
    console.log(`  ${tested.name}: ${published} messages, ${KILLS} kills: 0 lost, ${duplicates} duplicated`);
    // A connection that the broker breaks has the effect of a kill.
    const breaks = services.flatMap(({ output }) => output.match(/"event":"mqtt.disconnected"/g) ?? []).length;
    const bound = (KILLS + breaks) * (CASES[tested.name]?.repeated ?? 0);
    assert.ok(duplicates <= bound, `${duplicates} duplicates, ${KILLS} kills, ${breaks} broken connections`);
  };

  const onMosquitto = 'ingestion on mosquitto loses nothing';
  if (findMosquitto() === undefined) skip(onMosquitto, 'mosquitto is not installed');
  else {
    test(
      onMosquitto,
      async () => {
        const broker = scope.use(await startMosquitto());
        const { projectId } = servers.sandbox;
        const env = { MQTT_PROTOCOL_VERSION: '5' };
        await losesNothing(await openService(scope, 'ingestion', { projectId, mqttUrl: broker.url, env }));
      },
      TEST_TIMEOUT_MS,
    );
  }
  for (const [name, { env }] of casesOf(CASES)) {
    const register = name === 'bigqueries' ? test : long;
    register(
      `${name} on the sandbox loses nothing`,
      async () => {
        const { sandbox, mqttEnv } = servers;
        const { projectId } = sandbox;
        await losesNothing(await openService(scope, name, { projectId, mqttUrl: mqttEnv.MQTT_URL, env }));
      },
      TEST_TIMEOUT_MS,
    );
  }
});
