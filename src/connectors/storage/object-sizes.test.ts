import * as assert from 'uvu/assert';
import type { FlushReason } from '../../operators/batcher.ts';
import { EVENTS } from '../../telemetry/events.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { ManualScheduler } from '../../testing/manual-scheduler.ts';
import { suite } from '../../testing/suite.ts';
import { objectSizes } from './object-sizes.ts';

const KIB = 1024;

/** Records objects in virtual time, and the warnings they cause. */
function objects() {
  const scheduler = new ManualScheduler();
  const warnings: Record<string, unknown>[] = [];
  const telemetry = new Telemetry('icestore', {
    level: 'warn',
    processMetrics: false,
    now: () => scheduler.now(),
    destination: { write: (line) => warnings.push(JSON.parse(line)) },
  });
  const observe = objectSizes(telemetry, scheduler);
  /** Stores objects of equal size at a rate, cycling through the reasons. */
  const store = (minutes: number, perSecond: number, bytes: number, ...reasons: FlushReason[]): void => {
    for (let index = 0; index < minutes * 60 * perSecond; index += 1) {
      scheduler.advance(1_000 / perSecond);
      observe(reasons[index % reasons.length] ?? 'age', bytes);
    }
  };
  return { scheduler, warnings, telemetry, store };
}

suite('sizes of objects', ({ test }) => {
  test('are reported as metrics, with the reason why batches left', async () => {
    const { store, telemetry } = objects();
    store(1, 1, 3 * KIB, 'age', 'age', 'pressure');
    store(1, 1, 100 * KIB, 'count');
    const metrics = await telemetry.registry.metrics();
    for (const line of [
      'dataflow_objects_written_total{reason="age",service="icestore",pipeline="icestore"} 40',
      'dataflow_objects_written_total{reason="pressure",service="icestore",pipeline="icestore"} 20',
      'dataflow_objects_written_total{reason="count",service="icestore",pipeline="icestore"} 60',
      'dataflow_objects_written_total{reason="bytes",service="icestore",pipeline="icestore"} 0',
      'dataflow_object_size_bytes_bucket{le="4096",service="icestore",pipeline="icestore"} 60',
      'dataflow_object_size_bytes_bucket{le="65536",service="icestore",pipeline="icestore"} 60',
      'dataflow_object_size_bytes_bucket{le="262144",service="icestore",pipeline="icestore"} 120',
      `dataflow_object_size_bytes_sum{service="icestore",pipeline="icestore"} ${60 * 103 * KIB}`,
    ]) {
      assert.match(metrics, line);
    }
  });

  test('are warned about once while small, with the measurement and the remedy', () => {
    const { store, warnings } = objects();
    store(4, 20, 2 * KIB, 'age');
    assert.is(warnings.length, 0, 'not before five minutes');
    store(30, 20, 2 * KIB, 'age');
    assert.is(warnings.length, 1);
    const { event, msg, objectsPerSecond, meanBytes, why, remedy } = warnings[0] ?? {};
    assert.is(event, 'upload.small');
    assert.is(msg, EVENTS['upload.small'].message);
    assert.is(objectsPerSecond, 20);
    assert.is(meanBytes, 2 * KIB);
    assert.match(String(why), '100 % were as old as archive.maxAgeMs');
    for (const setting of ['archive.maxAgeMs', 'source.maxInFlight', 'archive.location']) {
      assert.match(String(remedy), setting);
    }
  });

  test('are warned about again after they were better', () => {
    const { store, warnings } = objects();
    store(6, 20, 2 * KIB, 'age');
    store(9, 20, 200 * KIB, 'count');
    store(11, 20, 2 * KIB, 'pressure', 'pressure', 'age');
    assert.is(warnings.length, 2);
    assert.match(String(warnings[1]?.why), '67 % left because source.maxInFlight');
    assert.match(String(warnings[1]?.remedy), 'raise source.maxInFlight and source.maxInFlightBytes');
  });

  test('name the setting of open groups if there were too many', () => {
    const { store, warnings } = objects();
    store(6, 20, 300, 'crowded');
    assert.match(String(warnings[0]?.remedy), 'raise archive.maxOpenGroups');
  });

  test('do not matter in a slow pipeline, in full objects, or in large ones', () => {
    for (const [perSecond, bytes, reason] of [
      [0.2, 300, 'age'],
      [20, 2 * KIB, 'count'],
      [20, 65 * KIB, 'age'],
    ] as const) {
      const { store, warnings } = objects();
      store(12, perSecond, bytes, reason);
      assert.is(warnings.length, 0, `${perSecond} objects a second of ${bytes} bytes`);
    }
  });

  test('are judged over the whole time: a burst after a quiet hour does not count as many', () => {
    const { store, warnings, scheduler } = objects();
    store(1, 20, 300, 'age');
    scheduler.advance(3_600_000);
    store(1, 20, 300, 'age');
    assert.is(warnings.length, 0);
  });
});
