import * as assert from 'uvu/assert';
import type { FaultRule } from '../src/sandbox/faults/fault-rule.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { casesOf, openService, type ServiceCases } from '../src/testing/test-run.ts';

const MESSAGES = 200_000;
const LATENCY_MS = 200;
/** A service without progress for this time is stuck. The speed itself depends on the machine. */
const STUCK_MS = 60_000;
const TEST_TIMEOUT_MS = 600_000;
/** The median of the second half relative to that of the first, after the warm-up. */
const MAX_GROWTH = 1.2;
/** Messages received and leased before a paused stream stops: the buffers of the transport and one response. */
const MAX_PENDING = 5_000;

/** The slow calls, and the bound on messages in flight. */
const CASES: ServiceCases<{ slow: FaultRule; maxInFlight: number }> = {
  ingestion: { slow: { server: 'pubsub', method: 'Publish', latencyMs: LATENCY_MS }, maxInFlight: 1_000 },
  enrich: { slow: { server: 'pubsub', method: 'Publish', latencyMs: LATENCY_MS }, maxInFlight: 4_000 },
  icestore: {
    slow: { server: 'storage', method: 'storage.objects.insert', latencyMs: LATENCY_MS },
    maxInFlight: 4_000,
  },
  bigqueries: {
    slow: { server: 'bigquery', method: 'tabledata.insertAll', latencyMs: LATENCY_MS },
    maxInFlight: 4_000,
  },
};

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;

suite('a slow sink behind a fast source', (it) => {
  const { long, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { mosquitto: true });
  });
  afterEach(() => servers.sandbox.faults.clear());

  for (const [name, { slow, maxInFlight }] of casesOf(CASES)) {
    long(
      `${name}: memory is flat over ${MESSAGES.toLocaleString('en')} messages, and the source waits for the sink`,
      async () => {
        const { sandbox, mqttEnv } = servers;
        const isMqtt = name === 'ingestion';
        const tested = await openService(scope, name, {
          projectId: sandbox.projectId,
          // Few enough for large requests, although each device has its own ordering key.
          devices: 8,
          mqttUrl: mqttEnv.MQTT_URL,
          env: {
            NODE_OPTIONS: '--max-old-space-size=256',
            ...(isMqtt
              ? { ...mqttEnv, DATAFLOW_MQTT__MAX_IN_FLIGHT: String(maxInFlight) }
              : { DATAFLOW_SOURCE__MAX_IN_FLIGHT: String(maxInFlight) }),
          },
        });
        const service = await tested.start();
        const { topics } = tested.resources;
        const resource = slow.server === 'pubsub' ? `*/${isMqtt ? topics.raw : topics.enriched}` : '*';
        sandbox.faults.add({ ...slow, resource });
        const load = tested.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: MESSAGES, ordered: false });
        const samples: { readonly acked: number; readonly rssMb: number }[] = [];
        const started = performance.now();
        await eventually(
          async () => {
            const metrics = await service.scrape();
            metrics.assertLedger();
            assert.ok(metrics.inFlight <= maxInFlight, `${metrics.inFlight} in flight`);
            if (isMqtt) assert.ok(metrics.value('dataflow_mqtt_pubacks_owed') <= maxInFlight, 'PUBACKs owed');
            else assert.ok(metrics.value('dataflow_pubsub_messages_pending') <= MAX_PENDING, 'waiting for credit');
            const acked = metrics.settled('acked');
            samples.push({ acked, rssMb: metrics.value('process_resident_memory_bytes') / 1e6 });
            assert.is(acked, MESSAGES);
          },
          { deadlineMs: STUCK_MS, everyMs: 250, progress: () => samples.at(-1)?.acked ?? 0 },
        );
        const seconds = (performance.now() - started) / 1_000;
        assert.is(await load.done, MESSAGES);
        const warm = samples.filter(({ acked }) => acked > MESSAGES / 5 && acked < MESSAGES);
        assert.ok(warm.length >= 6, `${warm.length} samples are too few`);
        const half = warm.length >> 1;
        const [first, second] = [warm.slice(0, half), warm.slice(half)].map((part) =>
          median(part.map(({ rssMb }) => rssMb)),
        );
        assert.ok(first !== undefined && second !== undefined);
        console.log(
          `  ${name}: ${Math.round(MESSAGES / seconds).toLocaleString('en')} messages/s, ${first.toFixed(0)} MB, then ${second.toFixed(0)} MB`,
        );
        assert.ok(second < first * MAX_GROWTH, `${first} MB grew to ${second} MB`);
        await tested.arrival(MESSAGES);
        sandbox.faults.clear();
        assert.is(await service.end(), 0, service.output.slice(-2_000));
      },
      TEST_TIMEOUT_MS,
    );
  }
});
