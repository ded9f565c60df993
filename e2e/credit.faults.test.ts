import { Storage } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { createPubSubClients } from '../src/connectors/pubsub/client.ts';
import type { ServiceName } from '../src/services/services.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import type { Scrape } from '../src/testing/scrape.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { openService, type ServiceCases, type TestService } from '../src/testing/test-run.ts';

const KEYS = sized({ full: 1_000, short: 200 });
const MESSAGES = sized({ full: 20_000, short: 4_000 });
const MAX_IN_FLIGHT = sized({ full: 2_000, short: 400 });
/** Long enough that a batch waiting for it would wait forever. */
const NEVER_MS = '60000';
/** Shorter than that: a wait for a batch's age fails the test. */
const STUCK_MS = 30_000;
const TEST_TIMEOUT_MS = 360_000;

/** Batches far larger than credit, which almost never reach their age. */
const ENV: ServiceCases<Readonly<Record<string, string>>> = {
  enrich: { DATAFLOW_PUBLISH__MAX_DELAY_MS: NEVER_MS, DATAFLOW_PUBLISH__CONCURRENCY: '4' },
  icestore: { ARCHIVE_MAX_AGE_MS: NEVER_MS, DATAFLOW_ARCHIVE__MAX_LINES: '10000', DATAFLOW_ARCHIVE__CONCURRENCY: '4' },
  bigqueries: { DATAFLOW_INSERT__MAX_DELAY_MS: NEVER_MS, DATAFLOW_INSERT__MAX_ROWS: '10000' },
};

/** Publishes to the service's topic messages of `KEYS` keys in mixed order; a key is a device and a location. */
async function publishMixed({ resources, name }: TestService): Promise<void> {
  const { publisher, close } = await createPubSubClients({ projectId: resources.projectId });
  const topicId = name === 'bigqueries' ? resources.topics.enriched : resources.topics.raw;
  const topic = `projects/${resources.projectId}/topics/${topicId}`;
  const encode = (index: number) => {
    // A permutation, so that each key appears equally often, at odd distances.
    const key = `key-${(index * 7_919 + ((index * index) % 613)) % KEYS}`;
    const data = {
      id: `${resources.runId}-${index}`,
      payload: Buffer.from('{"sequence":1}').toString('base64'),
      publishTime: '2026-01-01T00:00:00Z',
      enrichmentData: { DeviceID: key, location: key },
    };
    return { data: Buffer.from(JSON.stringify(data)) };
  };
  for (let start = 0; start < MESSAGES; start += 1_000) {
    const messages = Array.from({ length: 1_000 }, (_, index) => encode(start + index));
    await publisher.publish({ topic, messages });
  }
  await close();
}

suite('credit far below batch size and keys', (it) => {
  const { test, long, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub', 'firestore', 'storage', 'bigquery', 'redis'] });
  });
  afterEach(() => servers.sandbox.faults.clear());

  const move = async (name: ServiceName, check: (tested: TestService, metrics: Scrape) => unknown) => {
    const env = { ...ENV[name], DATAFLOW_SOURCE__MAX_IN_FLIGHT: String(MAX_IN_FLIGHT) };
    const tested = await openService(scope, name, { projectId: servers.sandbox.projectId, env });
    await publishMixed(tested);
    const service = await tested.start();
    let acked = 0;
    // With maxInFlight messages per flush interval, it would take ten minutes. The last messages do not use up credit,
    // so they may wait.
    const metrics = await eventually(
      async () => {
        const scrape = await service.scrape();
        acked = scrape.settled('acked');
        assert.ok(scrape.inFlight <= MAX_IN_FLIGHT, `${scrape.inFlight} in flight`);
        assert.ok(acked > MESSAGES - MAX_IN_FLIGHT, `${acked} of ${MESSAGES}`);
        // Messages that were not received stay on the subscription when the service ends.
        assert.is(scrape.received, MESSAGES);
        return scrape;
      },
      { deadlineMs: STUCK_MS, everyMs: 100, progress: () => acked },
    );
    metrics.assertLedger();
    // Open batches leave on completion.
    assert.is(await service.end(), 0, service.output.slice(-2_000));
    let arrived = 0;
    await eventually(
      async () => {
        const count = await tested.sink();
        arrived = count.entries;
        assert.equal(count, { entries: MESSAGES, distinctIds: MESSAGES });
      },
      { progress: () => arrived },
    );
    await check(tested, metrics);
  };

  test(
    `icestore: ${KEYS} groups; objects do not shrink to single lines while the sink is busy`,
    async () => {
      servers.sandbox.faults.add({ server: 'storage', method: 'storage.objects.insert', latencyMs: 20 });
      await move('icestore', async ({ resources }, metrics) => {
        const storage = new Storage({ projectId: resources.projectId });
        const [files] = await storage.bucket(resources.bucket).getFiles();
        const flushed = metrics.value('dataflow_stage_batches_total', { stage: 'flushed' });
        const lines = metrics.settled('acked') / flushed;
        console.log(`  icestore: ${files.length} objects, ${lines.toFixed(1)} lines each while it ran`);
        // A key has two messages in flight on average: the fullest group has more.
        assert.ok(lines >= MAX_IN_FLIGHT / KEYS, `${lines} lines each`);
      });
    },
    TEST_TIMEOUT_MS,
  );

  long(
    'enrich: requests of one topic',
    () =>
      move('enrich', (_, metrics) => {
        const requests = metrics.value('dataflow_stage_batches_total', { stage: 'flushed' });
        console.log(`  enrich: ${requests} requests, ${(MESSAGES / requests).toFixed(0)} messages each`);
        assert.ok(requests <= (MESSAGES / MAX_IN_FLIGHT) * 20, `${requests} requests`);
      }),
    TEST_TIMEOUT_MS,
  );

  long(
    'bigqueries: requests of one table',
    () =>
      move('bigqueries', (_, metrics) => {
        const requests = metrics.value('dataflow_stage_batches_total', { stage: 'flushed' });
        console.log(`  bigqueries: ${requests} requests, ${(MESSAGES / requests).toFixed(0)} rows each`);
        assert.ok(requests <= (MESSAGES / MAX_IN_FLIGHT) * 20, `${requests} requests`);
      }),
    TEST_TIMEOUT_MS,
  );
});
