import * as assert from 'uvu/assert';
import { assertOrder } from '../src/testing/assert-order.ts';
import { peakMegabytes } from '../src/testing/peak-megabytes.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openService, type TestService } from '../src/testing/test-run.ts';
import type { Reading } from '../src/tools/load/fleet.ts';

/** More than the 10,000 that the sink memoizes. */
const KEYS = 50_000;
/** Devices that take turns. */
const BLOCK = 500;
/** One block of so many comes twice: the second readings of its devices come while the first are on their way. */
const REPEAT_EVERY = 5;
const MESSAGES = KEYS + KEYS / REPEAT_EVERY;
/** The limit that the README gives a container with shipped defaults. */
const LIMIT_MEGABYTES = 512;
const TEST_TIMEOUT_MS = 900_000;

/** The readings of a fleet, a block of devices after the other. */
function* readings({ fleet, resources }: TestService): Generator<Reading> {
  for (let first = 0; first < KEYS; first += BLOCK) {
    const times = (first / BLOCK) % REPEAT_EVERY === 0 ? 2 : 1;
    for (let sequence = 0; sequence < times; sequence += 1) {
      for (const [place, deviceId] of fleet.deviceIds.slice(first, first + BLOCK).entries()) {
        const index = first + place;
        const id = `${resources.runId}-${deviceId}-${sequence}`;
        const payload = Buffer.from(JSON.stringify({ message_id: id, sequence }));
        yield { topic: fleet.topicOf(index), payload, id, deviceId, index, sequence };
      }
    }
  }
}

suite('50,000 ordering keys', (it) => {
  const { long, before } = it;
  const scope = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(scope, { parts: ['mqtt', 'pubsub', 'firestore', 'redis'] });
  });

  long(
    'ingestion: each keeps its order through failing publishes, and memory keeps its bound',
    async () => {
      const { sandbox, mqttEnv } = servers;
      const tested = await openService(scope, 'ingestion', {
        projectId: sandbox.projectId,
        devices: KEYS,
        mqttUrl: mqttEnv.MQTT_URL,
        env: {
          MQTT_PROTOCOL_VERSION: '4',
          DATAFLOW_PRODUCERS__RAW__ORDERING_KEY: 'enrichmentData.DeviceID',
          // So that the readings of a device are never in one request.
          DATAFLOW_PUBLISH__MAX_MESSAGES: '1',
        },
      });
      sandbox.faults.add({
        server: 'pubsub',
        method: 'Publish',
        probability: 0.02,
        seed: 1,
        error: { code: 'UNAVAILABLE' },
      });
      const service = await tested.start();
      const load = tested.load({ ratePerSecond: Number.POSITIVE_INFINITY, readings: readings(tested) });
      assert.is(await load.done, MESSAGES);
      console.log(`  ${MESSAGES} messages are with the broker`);
      await tested.arrival(MESSAGES);
      assertOrder(tested.firstIds(), KEYS);
      const metrics = await service.scrape();
      metrics.assertLedger();
      const megabytes = peakMegabytes(service.pid);
      const requests = metrics.value('dataflow_stage_batches_total', { stage: 'flushed' });
      console.log(`  ${MESSAGES} messages of ${KEYS} keys in ${requests} requests, ${megabytes.toFixed(0)} MB at most`);
      assert.ok(requests >= MESSAGES, 'each is a request of its own');
      assert.ok(metrics.events('publish.retried') > KEYS / 100, 'publishes were retried');
      assert.ok(megabytes < LIMIT_MEGABYTES, `${megabytes} MB`);
      assert.is(await service.end(), 0, service.output.slice(-2_000));
    },
    TEST_TIMEOUT_MS,
  );
});
