import * as assert from 'uvu/assert';
import { flow } from './harness/define-flow.ts';
import { assertInOrder, sequencesOf } from './harness/order.ts';
import { assertRows } from './harness/rows.ts';
import { readRows } from './harness/sinks.ts';

const READINGS = 2_000;
const DEVICES = 20;

/** MQTT → ingestion → enrich → BigQuery: each row contains its device's data from Firestore. */
flow(
  'enriched-bigquery',
  { pipelines: ['ingestion', 'enrich', 'bigqueries'], devices: DEVICES, knownDevices: DEVICES },
  async (run) => {
    const { timing, fleet, scope } = run;
    const bigqueries = await run.start('bigqueries');
    const enrich = await run.start('enrich');
    await run.start('ingestion');
    run.measure(bigqueries);
    const enriched = sequencesOf(enrich.probes.enriched);
    timing.expected = READINGS;

    await run.load(fleet.readings(READINGS), 1_000);
    await timing.during('verification', async () => {
      await run.until('every row is accepted', () => assert.is(timing.arrivals, READINGS));
      assertInOrder(enriched, READINGS, 'enrich.enriched');
      await run.until('every row is there', async () => {
        const rows = await readRows(scope.names);
        assertRows(rows, fleet, READINGS, (deviceId) => fleet.recordOf(deviceId));
        timing.verified = rows.size;
      });
    });
  },
);
