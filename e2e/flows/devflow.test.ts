import * as assert from 'uvu/assert';
import { bucketOf } from '../../src/connectors/pubsub/ordering-key.ts';
import { decodeEnvelope } from '../../src/formats/envelope/envelope.ts';
import { flow } from './harness/define-flow.ts';
import { assertInOrder, sequencesOf } from './harness/order.ts';
import { watchTopic } from './harness/sinks.ts';

const READINGS = 2_000;
/** The value of the shipped pipeline. */
const BUCKETS = 32;

/** MQTT → ingestion → Pub/Sub. */
flow('devflow', { pipelines: ['ingestion'], watch: ({ topics }) => topics.raw, devices: 20 }, async (run) => {
  const { timing, fleet, scope } = run;
  const ids = new Set<string>();
  const watched = watchTopic(scope.names, scope.watched, ({ data }) => {
    const { id } = decodeEnvelope(data);
    ids.add(id);
    timing.arrived(id);
  });
  run.defer(watched.close);
  const ingestion = await run.start('ingestion');
  run.places.add({ at: 'sink', name: 'in the topic', count: () => ids.size });
  const routed = sequencesOf(ingestion.probes.routed);
  timing.expected = READINGS;

  await run.load(fleet.readings(READINGS), 1_000);
  await timing.during('verification', async () => {
    await run.until('every reading is routed', () => assert.is(ingestion.probes.routed.count, READINGS));
    assertInOrder(routed, READINGS, 'ingestion.routed');
    await run.until('every reading is in the topic', () => assert.is(ids.size, READINGS));

    const published = new Map(Array.from(fleet.readings(READINGS), (reading) => [reading.id, reading]));
    const sequences = new Map<string, number[]>();
    for (const { data, attributes, orderingKey } of watched.messages) {
      const envelope = decodeEnvelope(data);
      const reading = published.get(envelope.id);
      assert.ok(reading, `${envelope.id} was published`);
      assert.equal(Buffer.from(envelope.payload), reading.payload, 'the payload, byte by byte');
      assert.equal(attributes, { mqtt_topic: reading.topic, route_name: 'raw' });
      assert.is(orderingKey, String(bucketOf(reading.deviceId, BUCKETS)));
      const { Timestamp, ...known } = envelope.enrichmentData;
      assert.ok(Math.abs(Date.now() - Date.parse(String(Timestamp))) < 3_600_000, `the time of receipt: ${Timestamp}`);
      assert.equal(known, {
        Topic: reading.topic,
        DeviceID: reading.deviceId,
        location: fleet.recordOf(reading.deviceId).LocationID,
      });
      sequences.set(reading.deviceId, [...(sequences.get(reading.deviceId) ?? []), reading.sequence]);
    }
    assertInOrder(sequences, READINGS, 'the topic');
    timing.verified = ids.size;
  });
});
