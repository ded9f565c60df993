import * as assert from 'uvu/assert';
import type { FaultRule } from '../src/sandbox/faults/fault-rule.ts';
import { eventually } from '../src/testing/eventually.ts';
import type { FaultProxy } from '../src/testing/fault-proxy.ts';
import { findMosquitto } from '../src/testing/mosquitto.ts';
import { type Part, type ProxiedServers, startProxies } from '../src/testing/proxied-servers.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { NO_COMPILE_CACHE } from '../src/testing/service-process.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { casesOf, openService, type ServiceCases } from '../src/testing/test-run.ts';

const IN_FLIGHT = sized({ full: 10_000, short: 1_000 });
const DEADLINE_MS = 1_000;
/** The guarantee: the process ends within this time after the deadline. */
const GRACE_MS = 2_000;
const SLOW_BYTES_PER_SECOND = 20_000;

interface SignalCase {
  /** The servers of the service; the last one holds its messages in flight. */
  readonly servers: readonly Part[];
  /** Calls without a response, so that messages stay in flight. */
  readonly held: FaultRule;
}

const CASES: ServiceCases<SignalCase> = {
  ingestion: { servers: ['mqtt', 'pubsub'], held: { server: 'pubsub', method: 'Publish' } },
  enrich: { servers: ['pubsub', 'redis', 'firestore'], held: { server: 'firestore', method: 'BatchGetDocuments' } },
  icestore: { servers: ['pubsub', 'storage'], held: { server: 'storage', method: 'storage.objects.insert' } },
  bigqueries: { servers: ['pubsub', 'bigquery'], held: { server: 'bigquery', method: 'tabledata.insertAll' } },
};

const FAULTS: Readonly<Record<string, (proxy: FaultProxy) => unknown>> = {
  silent: (proxy) => proxy.stall(),
  away: (proxy) => proxy.refuse(),
  slow: (proxy) => proxy.throttle(SLOW_BYTES_PER_SECOND),
};
const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

suite(`a signal to end, with ${IN_FLIGHT} messages in flight`, (it) => {
  const { test, long, skip, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  let proxied: ProxiedServers;
  before(async () => {
    servers = await startServers(whole, { mosquitto: true });
    proxied = whole.use(await startProxies(servers.sandbox, servers.mqttEnv.MQTT_URL));
  });
  afterEach(async () => {
    servers.sandbox.faults.clear();
    for (const proxy of proxied.proxies.values()) await proxy.restore();
  });

  let cases = 0;
  for (const [name, { servers: parts, held: rule }] of casesOf(CASES)) {
    for (const part of parts) {
      for (const [fault, inject] of Object.entries(FAULTS)) {
        const signal = SIGNALS[cases % SIGNALS.length] ?? 'SIGTERM';
        cases += 1;
        const title = `${name} ends ${GRACE_MS} ms after its deadline at the latest while ${part} is ${fault} (${signal})`;
        if (name === 'ingestion' && findMosquitto() === undefined) {
          skip(title, 'mosquitto is not installed');
          continue;
        }
        const register = name === 'enrich' && part === 'firestore' && fault === 'silent' ? test : long;
        register(title, async () => {
          const { sandbox, mqttEnv } = servers;
          const proxy = proxied.proxies.get(part);
          assert.ok(proxy, `${part} is not installed`);
          const tested = await openService(scope, name, {
            projectId: sandbox.projectId,
            mqttUrl: mqttEnv.MQTT_URL,
            env: {
              ...mqttEnv,
              ...NO_COMPILE_CACHE,
              ...proxied.env,
              DATAFLOW_SHUTDOWN__DEADLINE_MS: String(DEADLINE_MS),
              ...(name === 'ingestion'
                ? { DATAFLOW_MQTT__MAX_IN_FLIGHT: String(IN_FLIGHT) }
                : { DATAFLOW_SOURCE__MAX_IN_FLIGHT: String(IN_FLIGHT) }),
              ...(name === 'icestore' ? { ARCHIVE_MAX_AGE_MS: '1000' } : {}),
            },
          });
          const service = await tested.start();
          const held = sandbox.faults.add({ ...rule, stall: true });
          await tested.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: IN_FLIGHT, ordered: false }).done;
          await eventually(async () => assert.is((await service.scrape()).inFlight, IN_FLIGHT));
          await inject(proxy);
          if (fault === 'slow') held.remove();
          const started = performance.now();
          const code = await service.end(signal);
          const tookMs = performance.now() - started;
          console.log(`  ${name}, ${part} ${fault}: ended with ${code} after ${tookMs.toFixed(0)} ms`);
          assert.ok(code === 0 || code === 1, `ended with ${code}:\n${service.output.slice(-2_000)}`);
          assert.ok(tookMs < DEADLINE_MS + GRACE_MS, `took ${tookMs} ms:\n${service.output.slice(-2_000)}`);
          assert.not.match(service.output, /unhandled|uncaught/i);
        });
      }
    }
  }
});
