import * as assert from 'uvu/assert';
import type { ServiceName } from '../src/services/services.ts';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto } from '../src/testing/mosquitto.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { NO_COMPILE_CACHE } from '../src/testing/service-process.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { openService, SERVICES, type TestService } from '../src/testing/test-run.ts';

const RESTARTS = sized({ full: 4, short: 1 });
const MESSAGES = sized({ full: 6_000, short: 1_500 });
const RATE = 1_500;
const DEADLINE_MS = 20_000;
/** Returned messages do not wait for the end of their lease, at 60 s. */
const GIVEN_BACK_WITHIN_MS = 50_000;
/** Lease of messages that are not returned: the next service gets them when it ends. */
const LEASE_MS = sized({ full: 60_000, short: 10_000 });
const TEST_TIMEOUT_MS = 300_000;

suite('SIGTERM under load', (it) => {
  const { test, long, skip, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { mosquitto: true });
  });
  afterEach(() => servers.sandbox.faults.clear());

  const open = (name: ServiceName): Promise<TestService> =>
    openService(scope, name, {
      projectId: servers.sandbox.projectId,
      mqttUrl: servers.mqttEnv.MQTT_URL,
      env: {
        ...servers.mqttEnv,
        ...NO_COMPILE_CACHE,
        DATAFLOW_SHUTDOWN__DEADLINE_MS: String(DEADLINE_MS),
        ...(name === 'ingestion' ? {} : { DATAFLOW_SOURCE__ACK_DEADLINE_MS: String(LEASE_MS) }),
      },
    });

  for (const name of SERVICES) {
    const title = `${name} ends with 0 within its deadline; after restarts nothing is lost, and nothing is there twice`;
    // aedes sends some messages of a resumed session twice under load.
    if (name === 'ingestion' && findMosquitto() === undefined) {
      skip(title, 'mosquitto is not installed');
      continue;
    }
    const register = name === 'ingestion' || name === 'bigqueries' ? test : long;
    register(
      title,
      async () => {
        const tested = await open(name);
        let service = await tested.start();
        const load = tested.load({ ratePerSecond: RATE });
        for (let restart = 0; restart < RESTARTS; restart += 1) {
          await eventually(async () => assert.ok((await service.scrape()).received > 500, 'under load'));
          const started = performance.now();
          assert.is(await service.end('SIGTERM'), 0, service.output.slice(-3_000));
          const tookMs = performance.now() - started;
          assert.ok(tookMs < DEADLINE_MS, `the end took ${tookMs} ms`);
          assert.match(service.output, '"abandoned":0');
          service = await tested.start();
        }
        await eventually(() => assert.ok(load.published >= MESSAGES), { deadlineMs: 120_000 });
        const published = await load.stop();
        await tested.arrival(published);
        const metrics = await service.scrape();
        metrics.assertLedger();
        assert.is(await service.end('SIGTERM'), 0, service.output.slice(-3_000));
        assert.equal(await tested.sink(), { entries: published, distinctIds: published });
        console.log(`  ${name}: ${published} messages, ${RESTARTS} restarts`);
      },
      TEST_TIMEOUT_MS,
    );
  }

  test(
    'a second signal ends immediately with 1, and messages in flight are redelivered',
    async () => {
      const { faults } = servers.sandbox;
      const tested = await open('bigqueries');
      const service = await tested.start();
      // The sink does not respond: after the first signal alone, the service would wait for the deadline.
      faults.add({ server: 'bigquery', method: 'tabledata.insertAll', stall: true });
      await tested.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: 1_000 }).done;
      await eventually(async () => assert.is((await service.scrape()).inFlight, 1_000));
      service.kill('SIGTERM');
      await eventually(() => assert.match(service.output, '"event":"service.stopping"'));
      const started = performance.now();
      assert.is(await service.end('SIGTERM'), 1);
      assert.ok(performance.now() - started < DEADLINE_MS / 2, 'at once');
      faults.clear();
      const next = await tested.start();
      await tested.arrival(1_000, 90_000);
      assert.is(await next.end(), 0);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'after the deadline, remaining messages are returned, and the code is 1',
    async () => {
      const { faults } = servers.sandbox;
      const tested = await open('bigqueries');
      // Long enough that only returned messages arrive in time.
      const lease = { DATAFLOW_SOURCE__ACK_DEADLINE_MS: '60000' };
      const service = await tested.start({ ...lease, DATAFLOW_SHUTDOWN__DEADLINE_MS: '500' });
      faults.add({ server: 'bigquery', method: 'tabledata.insertAll', stall: true });
      await tested.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: 1_000 }).done;
      await eventually(async () => assert.is((await service.scrape()).inFlight, 1_000));
      assert.is(await service.end('SIGTERM'), 1, service.output.slice(-2_000));
      assert.match(service.output, '"event":"service.abandoned"');
      faults.clear();
      const started = performance.now();
      const next = await tested.start();
      await tested.arrival(1_000);
      assert.ok(performance.now() - started < GIVEN_BACK_WITHIN_MS);
      assert.is(await next.end(), 0);
    },
    TEST_TIMEOUT_MS,
  );
});
