import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import type { ServiceProcess } from '../src/testing/service-process.ts';
import { openServiceRig, type ServiceName, type ServiceRig } from '../src/testing/service-rig.ts';
import { suite } from '../src/testing/suite.ts';

/** At least so many; the load goes on until the last kill. */
const MESSAGES = 5_000;
const KILLS = 5;
const RATE = 1_500;
const TEST_TIMEOUT_MS = 400_000;

/**
 * How often a message can come a second time: what one crash leaves unsettled. A row is never there twice, since
 * BigQuery knows its insert id.
 */
const REPEATED_BY_A_CRASH: Record<ServiceName, number> = {
  ingestion: 1_000,
  enrich: 10_000,
  icestore: 10_000,
  bigqueries: 0,
};

/** Small enough that a kill finds work of every kind: batches that wait, and calls under way. */
const ENV: Record<ServiceName, Readonly<Record<string, string>>> = {
  ingestion: {},
  enrich: { DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000' },
  icestore: { DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000', ARCHIVE_MAX_AGE_MS: '300' },
  bigqueries: { DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000', DATAFLOW_INSERT__MAX_ROWS: '100' },
};

suite('kill -9', ({ test, skip, before, after }) => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ parts: ['mqtt', 'pubsub', 'firestore', 'storage', 'bigquery', 'redis'] });
    sandbox.applyEnv();
  });
  after(() => sandbox.close());

  /** Kills the service at random moments while the load goes on, and starts it again under the same identity. */
  const killRepeatedly = async (
    rig: ServiceRig,
    first: ServiceProcess,
    services: ServiceProcess[],
  ): Promise<ServiceProcess> => {
    let service = first;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await eventually(
        async () => assert.ok((await service.scrape()).settled('acked') > 50, 'it works before it is killed'),
        { deadlineMs: 40_000 },
      );
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
      await service.end('SIGKILL');
      service = await rig.start();
      services.push(service);
    }
    return service;
  };

  const losesNothing = async (rig: ServiceRig) => {
    // A broker keeps nothing for a session that it does not know yet: the service comes before the load.
    const first = await rig.start();
    const services = [first];
    try {
      const load = rig.load({ ratePerSecond: RATE });
      const last = await killRepeatedly(rig, first, services);
      await eventually(() => assert.ok(load.published >= MESSAGES));
      const published = await load.stop();
      await rig.arrival(published);
      await eventually(async () => {
        const metrics = await last.scrape();
        metrics.assertLedger();
        assert.is(metrics.inFlight, 0);
        assert.is(metrics.value('dataflow_mqtt_pubacks', { state: 'owed' }), 0, 'every PUBACK is written');
      });
      assert.is(await last.end('SIGTERM'), 0, `a clean end:\n${last.output}`);
      const { entries, distinctIds } = await rig.sink();
      const duplicates = entries - distinctIds;
      console.log(`  ${rig.name}: ${published} messages, ${KILLS} kills: 0 lost, ${duplicates} duplicated`);
      // A connection that the broker breaks off repeats what a kill does.
      const breaks = services.flatMap(({ output }) => output.match(/"event":"mqtt.disconnected"/g) ?? []).length;
      const bound = (KILLS + breaks) * REPEATED_BY_A_CRASH[rig.name];
      assert.ok(duplicates <= bound, `${duplicates} duplicates, ${KILLS} kills, ${breaks} broken connections`);
    } finally {
      await rig.close();
      for (const service of services) service.kill('SIGKILL');
    }
  };

  const onMosquitto = 'ingestion on mosquitto loses nothing';
  if (findMosquitto() === undefined) skip(onMosquitto, 'mosquitto is not installed');
  else {
    test(
      onMosquitto,
      async () => {
        const broker = await startMosquitto();
        const env = { MQTT_PROTOCOL_VERSION: '5' };
        try {
          await losesNothing(await openServiceRig('ingestion', { sandbox, mqttUrl: broker.url, env }));
        } finally {
          await broker.close();
        }
      },
      TEST_TIMEOUT_MS,
    );
  }
  for (const name of ['ingestion', 'enrich', 'icestore', 'bigqueries'] as const) {
    test(
      `${name} on the sandbox loses nothing`,
      async () => losesNothing(await openServiceRig(name, { sandbox, env: ENV[name] })),
      TEST_TIMEOUT_MS,
    );
  }
});
