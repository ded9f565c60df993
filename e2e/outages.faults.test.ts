import * as assert from 'uvu/assert';
import type { ServiceName } from '../src/services/services.ts';
import { eventually } from '../src/testing/eventually.ts';
import { type Part, startProxies } from '../src/testing/proxied-servers.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import type { ServiceProcess } from '../src/testing/service-process.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun, SERVICES, type ServiceCases } from '../src/testing/test-run.ts';
import { countLines, countRows } from '../src/tools/demo/sink-counts.ts';

const OUTAGE_MS = sized({ full: 10_000, short: 1_500 });
/** Messages in flight on a broken stream are redelivered when their lease ends. */
const LEASE_MS = sized({ full: 60_000, short: 10_000 });
/** Time for a service to detect an outage: longer than a short outage. */
const NOTICED_WITHIN_MS = 10_000;
const RATE = 700;
/** More devices than the caches hold, so that lookups reach Firestore. */
const DEVICES = 1_000;
const WARM_UP = sized({ full: 3_000, short: 500 });
const MAX_IN_FLIGHT = 2_000;
/** The heap of each service: one that queued messages during an outage would end with "heap out of memory". */
const HEAP_MB = 256;
/** Resident: heap, outgoing buffers, code, threads. */
const MAX_RSS_MB = 450;
/** Six outages take 140 s on two cores; then the backlog is processed at the machine's speed. */
const TEST_TIMEOUT_MS = 400_000;

/** The services affected by an outage: red means not ready, degraded is ready and reports it. */
const VICTIMS = {
  mqtt: { red: ['ingestion'], degraded: [] },
  pubsub: { red: SERVICES, degraded: [] },
  redis: { red: [], degraded: ['enrich'] },
  firestore: { red: ['enrich'], degraded: [] },
  storage: { red: ['icestore'], degraded: [] },
  bigquery: { red: ['bigqueries'], degraded: [] },
} as const satisfies Record<Part, { red: readonly ServiceName[]; degraded: readonly ServiceName[] }>;

suite('outages', (it) => {
  const { test, before } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { mosquitto: true });
  });

  test(
    'of every server, one after another, cause no loss and no duplicates in the sinks',
    async () => {
      const { sandbox, mqttEnv } = servers;
      const mqttUrl = mqttEnv.MQTT_URL;
      const proxied = scope.use(await startProxies(sandbox, mqttUrl));
      const run = await openRun(scope, {
        projectId: sandbox.projectId,
        mqttUrl,
        devices: DEVICES,
        seed: 4,
        env: { ...mqttEnv, ...proxied.env, NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` },
      });
      const { resources } = run;
      const { proxies } = proxied;
      const parts = [...proxies.keys()];
      const ofConsumers = {
        DATAFLOW_SOURCE__MAX_IN_FLIGHT: String(MAX_IN_FLIGHT),
        DATAFLOW_SOURCE__ACK_DEADLINE_MS: String(LEASE_MS),
      };
      const settings: ServiceCases<Readonly<Record<string, string>>> = {
        ingestion: { DATAFLOW_MQTT__RECONNECT_MAX_MS: '2000' },
        enrich: { ...ofConsumers, DATAFLOW_LOOKUP__MEMORY__MAX_ENTRIES: '50', DATAFLOW_LOOKUP__REDIS__TTL_MS: '500' },
        icestore: ofConsumers,
        bigqueries: ofConsumers,
      };
      const services = new Map<ServiceName, ServiceProcess>();
      await Promise.all(SERVICES.map(async (name) => services.set(name, await run.start(name, settings[name]))));
      const readinessOf = async (name: ServiceName) => await services.get(name)?.ready();
      const isRed = async (name: ServiceName) => assert.is((await readinessOf(name))?.status, 503, `${name} is red`);
      const isGreen = async (name: ServiceName) => {
        const ready = await readinessOf(name);
        assert.is(ready?.status, 200, `${name} is green: ${ready?.text}`);
      };
      const isDegraded = async (name: ServiceName) => {
        const ready = await readinessOf(name);
        assert.is(ready?.status, 200, `${name} stays green: ${ready?.text}`);
        assert.match(ready?.text ?? '', '"degraded":true');
      };

      const load = run.load({ ratePerSecond: RATE });
      await eventually(() => assert.ok(load.published > WARM_UP));
      const peakMb = new Map<ServiceName, number>();
      const watchMemory = async () => {
        for (const [name, service] of services) {
          const mb = (await service.scrape()).value('process_resident_memory_bytes') / 1e6;
          peakMb.set(name, Math.max(mb, peakMb.get(name) ?? 0));
        }
      };
      await watchMemory();
      console.log(`  MB at first: ${Array.from(peakMb, ([name, mb]) => `${name} ${mb.toFixed(0)}`).join(', ')}`);
      for (const part of parts) {
        const { red, degraded } = VICTIMS[part];
        const started = performance.now();
        await proxies.get(part)?.refuse();
        for (const name of red) await eventually(() => isRed(name), { deadlineMs: NOTICED_WITHIN_MS });
        for (const name of degraded) await eventually(() => isDegraded(name), { deadlineMs: NOTICED_WITHIN_MS });
        const redAfterMs = performance.now() - started;
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, OUTAGE_MS - redAfterMs)));
        for (const name of red) await isRed(name);
        for (const name of degraded) await isDegraded(name);
        const healthy = SERVICES.filter((name) => !red.some((each) => each === name));
        for (const name of healthy) await eventually(() => isGreen(name), { deadlineMs: 5_000 });
        await watchMemory();
        await proxies.get(part)?.restore();
        const restored = performance.now();
        for (const name of SERVICES) await eventually(() => isGreen(name), { deadlineMs: 40_000 });
        const seconds = (ms: number) => (ms / 1_000).toFixed(1);
        console.log(
          `  ${part}: ${red.length + degraded.length} noticed within ${seconds(redAfterMs)} s, green ${seconds(performance.now() - restored)} s after it was back`,
        );
      }

      const published = await load.stop();
      await run.arrivalInBothSinks(published);
      for (const [name, service] of services) {
        const metrics = await eventually(async () => {
          const scrape = await service.scrape();
          assert.is(scrape.inFlight, 0, `${name} in flight`);
          return scrape;
        });
        metrics.assertLedger();
        assert.is(metrics.settled('dead_lettered'), 0, `${name}: an outage is not poison`);
        assert.is(metrics.settled('expired'), 0, `${name}: leases hold through an outage`);
        const mb = peakMb.get(name) ?? 0;
        console.log(`  ${name}: ${metrics.received} received, at most ${mb.toFixed(0)} MB`);
        assert.ok(mb < MAX_RSS_MB, `${name} took ${mb} MB`);
        assert.is(await service.end('SIGTERM'), 0, `a clean end:\n${service.output.slice(-2_000)}`);
      }
      const rows = await countRows(resources);
      const lines = await countLines(resources);
      console.log(`  ${published} messages: ${rows.entries} rows, ${lines.entries} lines`);
      assert.is(rows.entries, published, 'rows');
      // A publish with a lost response is repeated: at most the messages in flight.
      assert.ok(lines.entries <= published + parts.length * MAX_IN_FLIGHT, `${lines.entries} lines`);
    },
    TEST_TIMEOUT_MS,
  );
});
