import * as assert from 'uvu/assert';
import { lastJson, runCli } from '../../src/testing/cli.ts';
import { flow } from './harness/define-flow.ts';
import { assertInOrder, sequencesOf } from './harness/order.ts';
import { assertRows } from './harness/rows.ts';
import { readRows } from './harness/sinks.ts';

const READINGS = 2_000;

/**
 * Archived messages are read, replayed over MQTT in each device's order at ten times its pace, and written to a new
 * table with equal content.
 */
flow(
  'replay',
  {
    pipelines: ['ingestion', 'icestore', 'bigqueries'],
    env: ({ topics }) => ({ ENRICHED_TOPIC: topics.raw }),
    // Small objects, so that objects of the same time overlap.
    settings: { icestore: { DATAFLOW_ARCHIVE__MAX_LINES: '50', DATAFLOW_ARCHIVE__MAX_AGE_MS: '500' } },
    second: { pipelines: ['ingestion', 'bigqueries'], env: ({ topics }) => ({ ENRICHED_TOPIC: topics.raw }) },
    devices: 20,
    fleet: { everyMs: 20 },
  },
  async (run) => {
    const { timing, fleet, scope, second } = run;
    assert.ok(second, 'the flow has a second run');
    timing.expected = READINGS;
    const first = {
      bigqueries: await run.start('bigqueries'),
      icestore: await run.start('icestore'),
      ingestion: await run.start('ingestion'),
    };
    await run.load(fleet.readings(READINGS), 1_000);
    await timing.during('verification', async () => {
      await run.until('everything is archived', () => assert.is(first.icestore.ledger.acked, READINGS));
      await run.until('everything is in the first table', () => assert.is(first.bigqueries.ledger.acked, READINGS));
    });
    for (const service of Object.values(first)) await service.shutdown();

    // The topics come from the archived messages; everything after the broker is new.
    const topics = { MQTT_TOPIC_ROOT: scope.env.MQTT_TOPIC_ROOT ?? '' };
    const again = await run.start('bigqueries', { scope: second, isReplica: true });
    const ingestion = await run.start('ingestion', { scope: second, env: topics, isReplica: true });
    run.measure(again);
    const routed = sequencesOf(ingestion.probes.routed);
    // Latency of the replayed messages, from their second receipt to the new table.
    timing.restart();
    ingestion.probes.routed.subscribe(({ message }) => timing.sent(message.id));
    const began = performance.now();
    const command = await timing.during('load', async () => {
      const options = ['--to', 'mqtt', '--speed', '10', '--time', 'payload.taken_at', '--json'];
      return runCli(['replay', `${scope.names.bucket}/raw`, ...options], { env: run.target.env });
    });
    const tookMs = performance.now() - began;
    const report = lastJson(command) ?? {};
    assert.is(command.code, 0, command.output);
    assert.equal(
      [report.selected, report.replayed, report.refused, report.unreadable, report.unsent],
      [READINGS, READINGS, 0, 0, 0],
    );
    // The readings span 40 s.
    assert.ok(tookMs >= 3_900, `ten times the pace, and no faster: ${tookMs} ms`);

    await timing.during('verification', async () => {
      await run.until('every row is accepted again', () => assert.is(timing.arrivals, READINGS));
      assertInOrder(routed, READINGS, 'ingestion.routed, replayed');
      await run.until('both tables have equal content', async () => {
        const [before, after] = await Promise.all([readRows(scope.names), readRows(second.names)]);
        assertRows(after, fleet, READINGS, () => undefined);
        for (const [id, row] of before) {
          assert.equal({ ...after.get(id), received_at: '' }, { ...row, received_at: '' }, id);
        }
        timing.verified = after.size;
      });
    });
  },
);
