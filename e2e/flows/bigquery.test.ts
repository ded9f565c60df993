import * as assert from 'uvu/assert';
import { flow } from './harness/define-flow.ts';
import { assertInOrder, sequencesOf } from './harness/order.ts';
import { assertRows } from './harness/rows.ts';
import { readRows } from './harness/sinks.ts';

const READINGS = 2_000;

/** MQTT → ingestion → Pub/Sub → BigQuery: the table's service reads the raw topic. */
flow(
  'bigquery',
  {
    pipelines: ['ingestion', 'bigqueries'],
    env: ({ topics }) => ({ ENRICHED_TOPIC: topics.raw }),
    devices: 20,
  },
  async (run) => {
    const { timing, fleet, scope } = run;
    const bigqueries = await run.start('bigqueries');
    await run.start('ingestion');
    run.measure(bigqueries);
    const decoded = sequencesOf(bigqueries.probes.decoded);
    timing.expected = READINGS;

    await run.load(fleet.readings(READINGS), 1_000);
    await timing.during('verification', async () => {
      await run.until('every row is accepted', () => assert.is(timing.arrivals, READINGS));
      assertInOrder(decoded, READINGS, 'bigqueries.decoded');
      await run.until('every row is there', async () => {
        const rows = await readRows(scope.names);
        assertRows(rows, fleet, READINGS, () => undefined);
        timing.verified = rows.size;
      });
    });
  },
);
