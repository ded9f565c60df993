import * as assert from 'uvu/assert';
import type { EnrichmentData } from '../../src/core/message.ts';
import { decodeEnvelope } from '../../src/formats/envelope/envelope.ts';
import { flow } from './harness/define-flow.ts';
import { watchTopic } from './harness/sinks.ts';

const READINGS = 2_000;
const DEVICES = 21;
const KNOWN = 20;

/**
 * MQTT → ingestion → enrich, twice: with empty caches, and with a service that finds Redis filled. The last device is
 * unknown to Firestore, and its messages go to dead-letter, as configured.
 */
flow(
  'enrichment',
  {
    pipelines: ['ingestion', 'enrich'],
    settings: {
      enrich: {
        DATAFLOW_WITHOUT_DATA: 'deadLetter',
        // A late response after a stall would send the lookup to the next layer, and the test counts layers.
        DATAFLOW_LOOKUP__REDIS__TIMEOUT_MS: '10000',
      },
    },
    watch: ({ topics }) => topics.enriched,
    devices: DEVICES,
    knownDevices: KNOWN,
    needs: ['redis'],
  },
  async (run) => {
    const { timing, fleet, scope } = run;
    const { names } = scope;
    const readings = [...fleet.readings(2 * READINGS)];
    const halves = [readings.slice(0, READINGS), readings.slice(READINGS)];
    const unknownId = fleet.deviceIds.at(-1);
    const unknown = readings.filter(({ deviceId }) => deviceId === unknownId).length;
    timing.expected = readings.length;

    const arrived = new Map<string, EnrichmentData>();
    const deadLetters: Record<string, string>[] = [];
    const watched = watchTopic(names, scope.watched, ({ data }) => {
      const { id, enrichmentData } = decodeEnvelope(data);
      arrived.set(id, enrichmentData);
      timing.arrived(id);
    });
    const deadLettered = watchTopic(names, names.subscriptions.deadLetters, ({ attributes }) =>
      deadLetters.push(attributes),
    );
    run.defer(watched.close);
    run.defer(deadLettered.close);
    await run.start('ingestion');

    for (const [index, half] of halves.entries()) {
      const enrich = await run.start('enrich');
      await run.load(half, 1_000);
      await timing.during('verification', async () => {
        await run.until(`half ${index + 1} is settled`, () =>
          assert.is(enrich.ledger.acked + enrich.ledger.deadLettered, READINGS),
        );
        const strangers = half.filter(({ deviceId }) => deviceId === unknownId).length;
        const { memoryHit, redisHit, firestoreHit, missing } = enrich.probes;
        assert.equal(
          {
            memory: memoryHit.count,
            redis: redisHit.count,
            firestore: firestoreHit.count,
            missing: missing.count,
          },
          {
            memory: READINGS - strangers - KNOWN,
            redis: index === 0 ? 0 : KNOWN,
            firestore: index === 0 ? KNOWN : 0,
            missing: strangers,
          },
          `the layers of half ${index + 1}`,
        );
        assert.is(enrich.ledger.deadLettered, strangers);
      });
      await enrich.shutdown();
    }

    await timing.during('verification', async () => {
      await run.until('every message is in the topic or a dead letter', () =>
        assert.equal([arrived.size, deadLetters.length], [readings.length - unknown, unknown]),
      );
      for (const { id, deviceId, topic } of readings) {
        if (deviceId === unknownId) continue;
        const record = fleet.recordOf(deviceId);
        assert.equal(
          { ...arrived.get(id), Timestamp: '' },
          {
            Timestamp: '',
            Topic: topic,
            DeviceID: deviceId,
            name: record.ClientID,
            location: record.LocationID,
            serviceTag: record.Category,
          },
          `the data of ${deviceId}`,
        );
      }
      for (const attributes of deadLetters) {
        assert.equal([attributes.dlq_service, attributes.dlq_reason], ['enrich', 'no_data']);
      }
      timing.verified = arrived.size + deadLetters.length;
    });
  },
);
