import * as assert from 'uvu/assert';
import type { ServiceName } from '../../src/services/services.ts';
import { type ServiceProcess, startService } from '../../src/testing/service-process.ts';
import { SERVICES } from '../../src/testing/test-run.ts';
import { flow } from './harness/define-flow.ts';
import { assertRows } from './harness/rows.ts';
import { readArchive, readRows } from './harness/sinks.ts';

const READINGS = 6_000;
/** The part of them that is published when all replicas are back. */
const TAIL = 1_000;
const DEVICES = 20;
const LEASE = { DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000' };
/** From the sinks towards the source. */
const STARTED = SERVICES.toReversed();

/**
 * Two replicas of each service: one in this process, and one in its own process, which is killed while messages flow
 * and restarts with the same identity. Two replicas of ingestion share the broker's subscription.
 */
flow(
  'scale-out',
  {
    pipelines: SERVICES,
    // A broker's shared subscriptions have no order. In Google's emulator, the keys of a killed subscriber would stay
    // with it forever; without order, its messages are redelivered.
    env: () => ({ MQTT_SHARE_GROUP: 'replicas', SUBSCRIPTION_ORDERING: 'false' }),
    // Messages of a killed replica are redelivered when their lease ends; Google's emulator may take a minute.
    stoppedAfterMs: 80_000,
    settings: { enrich: LEASE, icestore: LEASE, bigqueries: LEASE },
    devices: DEVICES,
    knownDevices: DEVICES,
    needs: ['mosquitto'],
  },
  async (run) => {
    const { timing, fleet, scope } = run;
    const replicas = new Map<string, ServiceProcess>();
    run.defer(() => Promise.all(Array.from(replicas.values(), (replica) => replica.end())));
    const startReplica = async (name: ServiceName): Promise<void> => {
      const identity = { MQTT_CLIENT_ID: `${scope.env.MQTT_CLIENT_ID}-1` };
      replicas.set(name, await startService(name, { ...run.target.env, ...scope.envOf(name), ...identity }));
    };
    /** Settled by the replicas in other processes, as last read, including those before a kill. */
    const elsewhere = new Map<string, { before: number; now: number }>();
    const look = async (name: string): Promise<void> => {
      const scrape = await replicas.get(name)?.scrape();
      elsewhere.set(name, { before: elsewhere.get(name)?.before ?? 0, now: scrape?.settled('acked') ?? 0 });
    };
    for (const name of STARTED) {
      const env = { MQTT_CLIENT_ID: `${scope.env.MQTT_CLIENT_ID}-0` };
      const service = await run.start(name, { env, isReplica: true });
      const { ledger } = service;
      // Latency of the messages that pass the replica in this process.
      if (name === 'bigqueries') run.measure(service);
      const others = () => (elsewhere.get(name)?.before ?? 0) + (elsewhere.get(name)?.now ?? 0);
      run.places.add({ at: name, name: `${name}: settled`, count: () => ledger.acked + others() });
    }
    await timing.during('start', () => Promise.all(STARTED.map(startReplica)));
    timing.expected = READINGS;

    const readings = [...fleet.readings(READINGS)];
    const loaded = run.load(readings.slice(0, READINGS - TAIL), 500);
    for (const [index, name] of STARTED.entries()) {
      await run.until('the load continues', () => assert.ok(timing.published >= ((READINGS - TAIL) * (index + 1)) / 5));
      const replica = replicas.get(name);
      await run.until(`the replica of ${name} takes its share before it is killed`, async () =>
        assert.ok(((await replica?.scrape())?.received ?? 0) > 0),
      );
      await look(name);
      const { before = 0, now = 0 } = elsewhere.get(name) ?? {};
      await replica?.end('SIGKILL');
      elsewhere.set(name, { before: before + now, now: 0 });
      await timing.during('start', () => startReplica(name));
    }
    await loaded;
    await run.load(readings.slice(READINGS - TAIL), 500);
    await timing.during('verification', async () => {
      await run.until('both sinks are whole', async () => {
        await Promise.all(STARTED.map(look));
        const rows = await readRows(scope.names);
        const lines = (await readArchive(scope.names)).flatMap((object) => object.lines);
        const ids = new Set(lines.map(({ id }) => id));
        assert.equal([rows.size, ids.size], [READINGS, READINGS], 'distinct ids in BigQuery and in Cloud Storage');
        assertRows(rows, fleet, READINGS, (deviceId) => fleet.recordOf(deviceId));
        timing.verified = rows.size;
      });
      for (const [name, replica] of replicas) {
        await run.until(`the replica of ${name} takes its share when it is back`, async () => {
          const scrape = await replica.scrape();
          assert.ok(scrape.received > 0);
          scrape.assertLedger();
        });
      }
    });
  },
);
