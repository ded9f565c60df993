import { from } from 'rxjs';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { Readiness } from '../../core/readiness.ts';
import { settle } from '../../operators/settle.ts';
import { createDataset } from '../../resources/dataset.ts';
import { createTable } from '../../resources/table.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { eventually } from '../../testing/eventually.ts';
import { suiteScope, testScope } from '../../testing/scope.ts';
import { type Servers, startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { testContext, testDelivery } from '../../testing/test-context.ts';
import { ensureTable } from './check.ts';
import { createBigQueryClient } from './client.ts';
import { insertSchema, tableSchema } from './config.ts';
import { bigquerySink } from './sink.ts';

const INSERT = { server: 'bigquery', method: 'tabledata.insertAll' } as const;
const ROWS = 4_000;

suite('BigQuery sink', (it) => {
  const { test, before } = it;
  const whole = suiteScope(it);
  const scope = testScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { parts: ['bigquery'] });
  });

  test('adapts concurrent requests to the latency, and lowers them after refusals', async () => {
    const { projectId, faults } = servers.sandbox;
    const client = createBigQueryClient({ projectId });
    const telemetry = new Telemetry('test', { level: 'silent', processMetrics: false });
    const table = v.parse(tableSchema, {
      ...{ datasetId: 'adaptive', tableId: 'rows', create: true },
      schema: [{ name: 'id', type: 'STRING', from: 'metadata.id' }],
    });
    await ensureTable(client, table, {
      ...{ telemetry, hasHook: false },
      createDataset: () => createDataset(client, table),
      createTable: () => createTable(client, table),
    });
    const slow = faults.add({ ...INSERT, latencyMs: 100 });
    const context = testContext();
    let flushed = 0;
    /** Requests in flight when another one leaves, after the storm of refusals is over. */
    let afterStorm: number[] | undefined;
    const config = v.parse(insertSchema, { maxRows: 4, retry: { initialDelayMs: 20, maxDelayMs: 100 } });
    const out = () => flushed - context.ledger.acked / config.maxRows;
    let most = 0;
    const deliveries = Array.from({ length: ROWS }, (_, index) => testDelivery(context, { id: `m${index}` }));
    const subscription = from(deliveries)
      .pipe(
        bigquerySink({
          ...{ client, table, hasHook: false, config, credit: context.credit, telemetry, readiness: new Readiness() },
          rowTextOf: ({ id }) => JSON.stringify({ id }),
          identityOf: ({ id }) => id,
          onFlush: () => {
            flushed += 1;
            most = Math.max(most, out());
            afterStorm?.push(out());
          },
        }),
        settle(),
      )
      .subscribe();
    scope.defer(() => subscription.unsubscribe());
    await eventually(() => assert.is(most, config.concurrency));
    const storm = faults.add({ ...INSERT, error: { code: 503 } });
    await eventually(() => assert.ok(storm.fired >= 10 * config.concurrency));
    afterStorm = [];
    storm.remove();
    await eventually(() => assert.ok((afterStorm?.length ?? 0) > 0));
    const [first = Number.NaN] = afterStorm;
    assert.ok(first <= config.concurrency / 2, `${first} requests at a time right after the storm`);
    slow.remove();
    await eventually(() => assert.is(context.ledger.acked, ROWS));
  });
});
