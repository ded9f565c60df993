import * as assert from 'uvu/assert';
import { SERVICES } from '../../src/testing/test-run.ts';
import { flow } from './harness/define-flow.ts';
import { assertInOrder, sequencesOf } from './harness/order.ts';
import { assertRows } from './harness/rows.ts';
import { readArchive, readRows } from './harness/sinks.ts';

const READINGS = 2_000;
const DEVICES = 20;
const RATE = 1_000;
/** A tenth of the load: a machine may be slow, but the waits for a lease or for the next message have a thirtieth. */
const MIN_RATE = RATE / 10;

/** MQTT → ingestion, then two ways: raw → Cloud Storage, enriched → BigQuery. */
flow('fullflow', { pipelines: SERVICES, devices: DEVICES, knownDevices: DEVICES }, async (run) => {
  const { timing, fleet, scope } = run;
  const bigqueries = await run.start('bigqueries');
  const icestore = await run.start('icestore');
  const enrich = await run.start('enrich');
  const ingestion = await run.start('ingestion');
  run.measure(bigqueries);
  const stages = {
    'ingestion.routed': sequencesOf(ingestion.probes.routed),
    'enrich.enriched': sequencesOf(enrich.probes.enriched),
    'bigqueries.decoded': sequencesOf(bigqueries.probes.decoded),
  };
  timing.expected = READINGS;

  await run.load(fleet.readings(READINGS), RATE);
  await timing.during('verification', async () => {
    await run.until('every row is accepted', () => assert.is(timing.arrivals, READINGS));
    await run.until('every line is stored', () => assert.is(icestore.ledger.acked, READINGS));
    for (const [stage, sequences] of Object.entries(stages)) assertInOrder(sequences, READINGS, stage);
    assert.ok(timing.ratePerSecond > MIN_RATE, `the sinks followed the load: ${timing.ratePerSecond} messages/s`);
    for (const { name, ledger } of [ingestion, enrich, icestore, bigqueries]) {
      assert.ok(ledger.balanced, `the ledger of ${name} balances`);
      assert.equal([ledger.inFlight, ledger.settledTwice], [0, 0], name);
    }
    await run.until('both sinks are whole', async () => {
      const rows = await readRows(scope.names);
      assertRows(rows, fleet, READINGS, (deviceId) => fleet.recordOf(deviceId));
      const lines = (await readArchive(scope.names)).flatMap((object) => object.lines);
      assert.is(lines.length, READINGS);
      assert.equal(new Set(lines.map(({ id }) => id)), new Set(rows.keys()), 'the same ids in both');
      timing.verified = rows.size;
    });
  });
});
