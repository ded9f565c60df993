import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { openServiceRig, type ServiceRig } from '../src/testing/service-rig.ts';
import { suite } from '../src/testing/suite.ts';

const MESSAGES = 6_000;
const RATE = 1_500;
const DEVICES = 50;
const TEST_TIMEOUT_MS = 200_000;

/** Ids are `<run>-<device>-<sequence>`. */
function assertOrder(ids: readonly string[]): void {
  const last = new Map<string, number>();
  for (const id of ids) {
    const cut = id.lastIndexOf('-');
    const [device, sequence] = [id.slice(0, cut), Number(id.slice(cut + 1))];
    assert.is(sequence, (last.get(device) ?? -1) + 1, `${id} is out of order: after ${last.get(device)}`);
    last.set(device, sequence);
  }
  assert.is(last.size, DEVICES);
}

suite('order of each key', ({ test, before, after, afterEach, skip }) => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ parts: ['mqtt', 'pubsub', 'firestore', 'redis'] });
    sandbox.applyEnv();
  });
  afterEach(() => sandbox.faults.clear());
  after(() => sandbox.close());

  const moveEverything = async (rig: ServiceRig, onLoaded: () => void = () => {}) => {
    const service = await rig.start();
    try {
      const published = await rig.load({ ratePerSecond: RATE, count: MESSAGES }).done;
      assert.is(published, MESSAGES);
      onLoaded();
      // What was on its way when a stream broke comes back when its lease ends: after a minute.
      await rig.arrival(MESSAGES, 130_000);
      assertOrder(rig.firstIds());
      const metrics = await service.scrape();
      metrics.assertLedger();
      sandbox.faults.clear();
      assert.is(await service.end(), 0, service.output.slice(-3_000));
      return { metrics, ...(await rig.sink()) };
    } finally {
      service.kill('SIGKILL');
      await rig.close();
    }
  };

  test(
    'enrich: through cache misses, retries, nacks and broken streams, first occurrences come in order',
    async () => {
      const rig = await openServiceRig('enrich', {
        sandbox,
        devices: DEVICES,
        env: {
          // So small that outages outlast it, and messages go back.
          DATAFLOW_GIVE_UP_AFTER_MS: '40',
          DATAFLOW_LOOKUP__MEMORY__MAX_ENTRIES: '10',
          DATAFLOW_LOOKUP__REDIS__TTL_MS: '20',
          DATAFLOW_PUBLISH__MAX_MESSAGES: '20',
        },
      });
      const { topics } = rig.resources;
      const publish = { server: 'pubsub', method: 'Publish', resource: `*/topics/${topics.enriched}` } as const;
      sandbox.faults.add({ ...publish, probability: 0.15, seed: 1, error: { code: 'UNAVAILABLE' } });
      sandbox.faults.add({ ...publish, probability: 0.3, seed: 2, latencyMs: 15 });
      const read = { server: 'firestore', method: 'BatchGetDocuments' } as const;
      sandbox.faults.add({ ...read, probability: 0.2, seed: 3, error: { code: 'PERMISSION_DENIED' } });
      sandbox.faults.add({ ...read, probability: 0.5, seed: 4, latencyMs: 10 });
      const streams = { server: 'pubsub', method: 'StreamingPull', resource: '*-enrich-*' } as const;
      const breaking = setInterval(() => {
        sandbox.faults.add({ ...streams, times: 1, error: { code: 'UNAVAILABLE' } });
      }, 700);
      const { metrics, entries } = await moveEverything(rig, () => clearInterval(breaking)).finally(() =>
        clearInterval(breaking),
      );
      const nacked = metrics.settled('nacked');
      console.log(
        `  enrich: ${MESSAGES} messages, ${nacked} nacked, ${metrics.value('dataflow_source_out_of_turn_total')} refused on arrival, ${metrics.events('pubsub.stream_lost')} streams lost, ${entries - MESSAGES} duplicated`,
      );
      assert.ok(nacked > 100, `${nacked} nacks are no test`);
      assert.ok(metrics.events('pubsub.stream_lost') > 1);
    },
    TEST_TIMEOUT_MS,
  );

  const title = 'ingestion: through failing publishes and broken connections, first occurrences come in order';
  if (findMosquitto() === undefined) skip(title, 'mosquitto is not installed');
  else
    test(
      title,
      async () => {
        const broker = await startMosquitto();
        try {
          const rig = await openServiceRig('ingestion', {
            sandbox,
            devices: DEVICES,
            mqttUrl: broker.url,
            // 750 requests or more, of which a tenth fail.
            env: { MQTT_PROTOCOL_VERSION: '5', DATAFLOW_PUBLISH__MAX_MESSAGES: '8' },
          });
          const publish = { server: 'pubsub', method: 'Publish' } as const;
          sandbox.faults.add({ ...publish, probability: 0.1, seed: 5, error: { code: 'UNAVAILABLE' } });
          sandbox.faults.add({ ...publish, probability: 0.3, seed: 6, latencyMs: 15 });
          const { metrics } = await moveEverything(rig);
          assert.ok(metrics.events('publish.retried') > 50, 'publishes were retried');
          assert.is(metrics.settled('nacked'), 0, 'MQTT has no nack');
        } finally {
          await broker.close();
        }
      },
      TEST_TIMEOUT_MS,
    );
});
