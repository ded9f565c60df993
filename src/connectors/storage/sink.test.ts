import { concat, from, NEVER } from 'rxjs';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { Readiness } from '../../core/readiness.ts';
import { settle } from '../../operators/settle.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { eventually } from '../../testing/eventually.ts';
import { suiteScope, testScope } from '../../testing/scope.ts';
import { type Servers, startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { testContext, testDelivery } from '../../testing/test-context.ts';
import { createStorageClient } from './client.ts';
import { archiveSchema } from './config.ts';
import { storageSink } from './sink.ts';

const GROUPS = 600;

suite('Cloud Storage sink', (it) => {
  const { test, before } = it;
  const whole = suiteScope(it);
  const scope = testScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { parts: ['storage'] });
  });

  test('adapts concurrent uploads to the latency', async () => {
    const { projectId, faults } = servers.sandbox;
    const storage = createStorageClient({ projectId });
    const [bucket] = await storage.createBucket('adaptive');
    const slow = faults.add({ server: 'storage', method: 'storage.objects.insert', latencyMs: 200 });
    const telemetry = new Telemetry('test', { level: 'silent', processMetrics: false });
    const context = testContext();
    let flushed = 0;
    let most = 0;
    const config = v.parse(archiveSchema, { maxAgeMs: 50 });
    const deliveries = Array.from({ length: GROUPS }, (_, index) => testDelivery(context, { id: `m${index}` }));
    const subscription = concat(from(deliveries), NEVER)
      .pipe(
        storageSink({
          ...{ bucket, prefix: '', config, credit: context.credit, readiness: new Readiness() },
          telemetry,
          batchKeyOf: ({ id }) => id,
          identityOf: ({ id }) => id,
          onFlush: () => {
            flushed += 1;
            most = Math.max(most, flushed - context.ledger.acked);
          },
        }),
        settle(),
      )
      .subscribe();
    scope.defer(() => subscription.unsubscribe());
    await eventually(() => assert.is(most, config.concurrency));
    slow.remove();
    await eventually(() => assert.is(context.ledger.acked, GROUPS));
    const metrics = await telemetry.registry.metrics();
    assert.match(metrics, `dataflow_objects_written_total{reason="age",service="test",pipeline="test"} ${GROUPS}`);
    assert.match(metrics, `dataflow_object_size_bytes_count{service="test",pipeline="test"} ${GROUPS}`);
  });
});
