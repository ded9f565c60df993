import * as assert from 'uvu/assert';
import { flow } from './harness/define-flow.ts';
import { readArchive } from './harness/sinks.ts';

const READINGS = 2_000;
const DAY_MS = 86_400_000;
const LOCATIONS = ['harbour', 'mill'];

/** MQTT → ingestion → Pub/Sub → Cloud Storage: two locations over two days, filed by the time of the reading. */
flow(
  'icestore',
  {
    pipelines: ['ingestion', 'icestore'],
    settings: { icestore: { DATAFLOW_ARCHIVE__TIME: 'payload.taken_at', DATAFLOW_ARCHIVE__MAX_LINES: '200' } },
    devices: 20,
    fleet: { locations: LOCATIONS, everyMs: (2 * DAY_MS) / READINGS },
  },
  async (run) => {
    const { timing, fleet, scope } = run;
    const icestore = await run.start('icestore');
    await run.start('ingestion');
    run.measure(icestore);
    timing.expected = READINGS;

    await run.load(fleet.readings(READINGS), 1_000);
    await timing.during('verification', async () => {
      await run.until('every line is stored', () => assert.is(timing.arrivals, READINGS));
      assert.is(icestore.probes.flushed.count > 0, true);
      await run.until('every line is there', async () => {
        const objects = await readArchive(scope.names);
        const lines = new Map(objects.flatMap((object) => object.lines.map((line) => [line.id, line] as const)));
        assert.is(objects.flatMap((object) => object.lines).length, lines.size, 'no line is there twice');
        assert.is(lines.size, READINGS);
        for (const { name, lines: own } of objects) {
          const keys = new Set(own.map(({ batchKey }) => batchKey));
          assert.is(keys.size, 1, `${name} holds one key`);
          assert.match(name, new RegExp(`^raw/${[...keys][0]}/[0-9a-f]{32}\\.jsonl\\.gz$`));
        }
        const keys = [...new Set([...lines.values()].map(({ batchKey }) => batchKey))].sort();
        assert.equal(
          keys,
          ['2026/01/01', '2026/01/02'].flatMap((day) => LOCATIONS.map((location) => `${day}/${location}`)),
        );
        for (const { id, payload, topic, deviceId } of fleet.readings(READINGS)) {
          const line = lines.get(id);
          assert.is(line?.originalPubSubPayload, payload.toString('base64'), `the payload of ${id}`);
          assert.is(line?.attributes?.mqtt_topic, topic);
          assert.is(line?.batchKey.split('/').at(-1), fleet.recordOf(deviceId).LocationID);
        }
        timing.verified = lines.size;
      });
    });
  },
);
