import * as assert from 'uvu/assert';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openService } from '../src/testing/test-run.ts';
import { sizeIngestion } from '../src/tools/size/size.ts';

const RATE = 400;
const SECONDS = 5;
const BUCKETS = 4;

suite('the formulas of sizing', (it) => {
  const scope = suiteScope(it);

  for (const pubsubMs of [30, 120]) {
    it.test(`predict what ingestion publishes, if a request takes ${pubsubMs} ms`, async () => {
      const { sandbox, mqttEnv } = await startServers(scope, { mosquitto: true });
      const service = await openService(scope, 'ingestion', {
        projectId: sandbox.projectId,
        mqttUrl: mqttEnv.MQTT_URL,
        devices: 200,
        env: { ...mqttEnv, ORDERING_BUCKETS: String(BUCKETS) },
      });
      const ingestion = await service.start();
      sandbox.faults.add({ server: 'pubsub', method: 'Publish', latencyMs: pubsubMs });
      const count = RATE * SECONDS;
      await service.load({ ratePerSecond: RATE, count }).done;
      await service.arrival(count);
      const metrics = await ingestion.scrape();
      const mean = (name: string) => (1_000 * metrics.value(`${name}_sum`)) / metrics.value(`${name}_count`);
      const requests = metrics.value('dataflow_publish_duration_seconds_count');
      // The server's delay plus the network's: the latency of a call in the formula.
      const latency = mean('dataflow_publish_duration_seconds');
      assert.ok(latency >= pubsubMs, `a call takes ${latency} ms`);
      const formula = sizeIngestion({
        ...{ rate: RATE, bytes: 170, devices: 200, order: 'buckets', buckets: BUCKETS, places: 1 },
        ...{ pubsubMs: latency, storageMs: 1, bigqueryMs: 1, lookupMs: 1, memoryMisses: 0, redisMisses: 0 },
      });
      const perRequest = count / requests;
      const settleMs = mean('dataflow_message_duration_seconds');
      const said = `${perRequest} messages a request, settled in ${settleMs} ms; the formula: ${JSON.stringify(formula)}`;
      assert.ok(Math.abs(perRequest / formula.messagesPerRequest - 1) < 0.35, said);
      assert.ok(Math.abs(settleMs / formula.settleMs - 1) < 0.35, said);
    });
  }
});
