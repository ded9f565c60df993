import * as assert from 'uvu/assert';
import type { Fault } from '../src/sandbox/faults/faults.ts';
import { assertOrder } from '../src/testing/assert-order.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { openService, type TestService } from '../src/testing/test-run.ts';

const MESSAGES = sized({ full: 6_000, short: 2_000 });
const RATE = 1_500;
const BREAK_EVERY_MS = sized({ full: 700, short: 400 });
const DEVICES = 50;
const PER_REQUEST = sized({ full: '8', short: '2' });
const TEST_TIMEOUT_MS = 200_000;

suite('order of each key', (it) => {
  const { test, skip, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { parts: ['mqtt', 'pubsub', 'firestore', 'redis'] });
  });
  afterEach(() => servers.sandbox.faults.clear());

  const moveEverything = async (tested: TestService, onStarted: () => () => void = () => () => {}) => {
    const service = await tested.start();
    const onLoaded = onStarted();
    const published = await tested.load({ ratePerSecond: RATE, count: MESSAGES }).done;
    assert.is(published, MESSAGES);
    onLoaded();
    // Messages in flight on a broken stream are redelivered when their lease ends.
    await tested.arrival(MESSAGES, 130_000);
    assertOrder(tested.firstIds(), DEVICES);
    const metrics = await service.scrape();
    metrics.assertLedger();
    servers.sandbox.faults.clear();
    assert.is(await service.end(), 0, service.output.slice(-3_000));
    return { metrics, ...(await tested.sink()) };
  };

  test(
    'enrich: through cache misses, retries, nacks and broken streams, first occurrences come in order',
    async () => {
      const { sandbox } = servers;
      const tested = await openService(scope, 'enrich', {
        projectId: sandbox.projectId,
        devices: DEVICES,
        env: {
          // Short enough that outages outlast it, and messages go back.
          DATAFLOW_GIVE_UP_AFTER_MS: '40',
          DATAFLOW_LOOKUP__MEMORY__MAX_ENTRIES: '10',
          DATAFLOW_LOOKUP__REDIS__TTL_MS: '20',
          DATAFLOW_PUBLISH__MAX_MESSAGES: '20',
          DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000',
        },
      });
      const { topics } = tested.resources;
      const publish = { server: 'pubsub', method: 'Publish', resource: `*/topics/${topics.enriched}` } as const;
      sandbox.faults.add({ ...publish, probability: 0.15, seed: 1, error: { code: 'UNAVAILABLE' } });
      sandbox.faults.add({ ...publish, probability: 0.3, seed: 2, latencyMs: 15 });
      const read = { server: 'firestore', method: 'BatchGetDocuments' } as const;
      sandbox.faults.add({ ...read, probability: 0.2, seed: 3, error: { code: 'PERMISSION_DENIED' } });
      sandbox.faults.add({ ...read, probability: 0.5, seed: 4, latencyMs: 10 });
      const streams = { server: 'pubsub', method: 'StreamingPull', resource: '*-enrich-*' } as const;
      const breakStreams = () => {
        // One at a time: a stream that breaks repeatedly waits longer before each reconnect.
        let last: Fault | undefined;
        const breaking = setInterval(() => {
          if (last?.fired === 0) return;
          last = sandbox.faults.add({ ...streams, times: 1, error: { code: 'UNAVAILABLE' } });
        }, BREAK_EVERY_MS);
        const stop = () => clearInterval(breaking);
        scope.defer(stop);
        return stop;
      };
      const { metrics, entries } = await moveEverything(tested, breakStreams);
      const nacked = metrics.settled('nacked');
      console.log(
        `  enrich: ${MESSAGES} messages, ${nacked} nacked, ${metrics.value('dataflow_pubsub_messages_out_of_turn_total')} refused on arrival, ${metrics.events('pubsub.stream_lost')} streams lost, ${entries - MESSAGES} duplicated`,
      );
      assert.ok(nacked > MESSAGES / 60, `only ${nacked} nacks`);
      assert.ok(metrics.events('pubsub.stream_lost') > 1);
    },
    TEST_TIMEOUT_MS,
  );

  for (const [order, env] of [
    ['buckets of devices', {}],
    ['each device', { DATAFLOW_PRODUCERS__RAW__ORDERING_KEY: 'enrichmentData.DeviceID' }],
  ] as const) {
    const title = `ingestion, ordered by ${order}: through failing publishes and broken connections, first occurrences come in order`;
    if (findMosquitto() === undefined) {
      skip(title, 'mosquitto is not installed');
      continue;
    }
    test(
      title,
      async () => {
        const broker = scope.use(await startMosquitto());
        const { sandbox } = servers;
        const tested = await openService(scope, 'ingestion', {
          projectId: sandbox.projectId,
          devices: DEVICES,
          mqttUrl: broker.url,
          // Small enough for hundreds of requests, of which a tenth fail.
          env: { ...env, MQTT_PROTOCOL_VERSION: '5', DATAFLOW_PUBLISH__MAX_MESSAGES: PER_REQUEST },
        });
        const publish = { server: 'pubsub', method: 'Publish' } as const;
        sandbox.faults.add({ ...publish, probability: 0.1, seed: 5, error: { code: 'UNAVAILABLE' } });
        sandbox.faults.add({ ...publish, probability: 0.3, seed: 6, latencyMs: 15 });
        const { metrics } = await moveEverything(tested);
        assert.ok(metrics.events('publish.retried') > 50, 'publishes were retried');
        assert.is(metrics.settled('nacked'), 0, 'MQTT has no nack');
      },
      TEST_TIMEOUT_MS,
    );
  }
});
