import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { createResources } from '../src/demo/provision-run.ts';
import { namedResources } from '../src/demo/run-resources.ts';
import { countLines, countRows } from '../src/demo/sink-counts.ts';
import { Fleet } from '../src/fleet/fleet.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { arrivalInBothSinks } from '../src/testing/both-sinks.ts';
import { eventually } from '../src/testing/eventually.ts';
import { mqttLoad } from '../src/testing/load.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { type Part, type ProxiedServers, startProxies } from '../src/testing/proxied-servers.ts';
import { type ServiceProcess, startService } from '../src/testing/service-process.ts';
import type { ServiceName } from '../src/testing/service-rig.ts';
import { suite } from '../src/testing/suite.ts';

const OUTAGE_MS = 10_000;
const RATE = 700;
/** More than the caches hold, so that lookups go on to Firestore. */
const DEVICES = 1_000;
const MAX_IN_FLIGHT = 2_000;
/** The heap that each service has: one that queued what an outage holds up would end with "heap out of memory". */
const HEAP_MB = 256;
/** Resident: heap, buffers on their way, code, threads. */
const MAX_RSS_MB = 450;
/** Six outages take 140 s on two cores; what waited for them is worked off at the machine's speed. */
const TEST_TIMEOUT_MS = 400_000;

const SERVICES = ['ingestion', 'enrich', 'icestore', 'bigqueries'] as const;

/** Who suffers when a server is away: red means not ready, degraded is ready and says so. */
const VICTIMS = {
  mqtt: { red: ['ingestion'], degraded: [] },
  pubsub: { red: SERVICES, degraded: [] },
  redis: { red: [], degraded: ['enrich'] },
  firestore: { red: ['enrich'], degraded: [] },
  storage: { red: ['icestore'], degraded: [] },
  bigquery: { red: ['bigqueries'], degraded: [] },
} as const satisfies Record<Part, { red: readonly ServiceName[]; degraded: readonly ServiceName[] }>;

suite('outages', ({ test, before, after }) => {
  let sandbox: Sandbox;
  let broker: Mosquitto | undefined;
  let servers: ProxiedServers | undefined;
  const services = new Map<ServiceName, ServiceProcess>();

  before(async () => {
    sandbox = await startSandbox();
    sandbox.applyEnv();
    if (findMosquitto() !== undefined) broker = await startMosquitto();
  });
  after(async () => {
    for (const service of services.values()) service.kill('SIGKILL');
    await servers?.close();
    await broker?.close();
    await sandbox.close();
  });

  test(
    'of every server, one after the other, lose nothing and make nothing twice in the sinks',
    async () => {
      const runId = randomBytes(4).toString('hex');
      const resources = namedResources(runId, sandbox.projectId);
      const fleet = new Fleet({ devices: DEVICES, seed: 4, runId });
      await createResources(resources, fleet);
      const mqttUrl = broker?.url ?? sandbox.env.MQTT_URL ?? '';
      servers = await startProxies(sandbox, mqttUrl);
      const { proxies } = servers;
      const parts = [...proxies.keys()];
      const env = {
        ...resources.env,
        ...servers.env,
        NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
        MQTT_PROTOCOL_VERSION: broker === undefined ? '4' : '5',
      };
      const ofIngestion = { ...env, DATAFLOW_MQTT__RECONNECT_MAX_MS: '2000' };
      const ofConsumers = { ...env, DATAFLOW_SOURCE__MAX_IN_FLIGHT: String(MAX_IN_FLIGHT) };
      const ofEnrich = {
        ...ofConsumers,
        DATAFLOW_LOOKUP__MEMORY__MAX_ENTRIES: '50',
        DATAFLOW_LOOKUP__REDIS__TTL_MS: '500',
      };
      await Promise.all(
        SERVICES.map(async (name) => {
          const own = name === 'ingestion' ? ofIngestion : name === 'enrich' ? ofEnrich : ofConsumers;
          services.set(name, await startService(name, own));
        }),
      );
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

      const load = mqttLoad(fleet, mqttUrl, { ratePerSecond: RATE });
      await eventually(() => assert.ok(load.published > 3_000));
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
        for (const name of red) await eventually(() => isRed(name), { deadlineMs: OUTAGE_MS });
        for (const name of degraded) await eventually(() => isDegraded(name), { deadlineMs: OUTAGE_MS });
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
      await arrivalInBothSinks(resources, published, 60_000);
      for (const [name, service] of services) {
        const metrics = await eventually(async () => {
          const scrape = await service.scrape();
          assert.is(scrape.inFlight, 0, `${name} in flight`);
          return scrape;
        });
        metrics.assertLedger();
        assert.is(metrics.settled('deadLettered'), 0, `${name}: an outage is nobody's fault`);
        assert.is(metrics.settled('lapsed'), 0, `${name}: leases hold through an outage`);
        const mb = peakMb.get(name) ?? 0;
        console.log(`  ${name}: ${metrics.received} received, at most ${mb.toFixed(0)} MB`);
        assert.ok(mb < MAX_RSS_MB, `${name} took ${mb} MB`);
        assert.is(await service.end('SIGTERM'), 0, `a clean end:\n${service.output.slice(-2_000)}`);
      }
      const rows = await countRows(resources);
      const lines = await countLines(resources);
      console.log(`  ${published} messages: ${rows.entries} rows, ${lines.entries} lines`);
      assert.is(rows.entries, published, 'rows');
      // A publish whose answer an outage swallowed is published again: at most what was under way.
      assert.ok(lines.entries <= published + parts.length * MAX_IN_FLIGHT, `${lines.entries} lines`);
    },
    TEST_TIMEOUT_MS,
  );
});
