import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { createBigQueryClient } from '../src/clients/bigquery.ts';
import { createResources, namedResources, type RunResources } from '../src/demo/run-resources.ts';
import { countRows } from '../src/demo/sink-counts.ts';
import { Fleet } from '../src/fleet/fleet.ts';
import { publishReadings } from '../src/fleet/publish-readings.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import type { Child } from '../src/testing/child.ts';
import { collectIds } from '../src/testing/collect-ids.ts';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { startService } from '../src/testing/service-process.ts';
import { suite } from '../src/testing/suite.ts';

/** At least so many; the load goes on until the last kill. */
const MESSAGES = 5_000;
const ENDLESS = 1_000_000;
const KILLS = 5;
const RATE = 1_500;
const TEST_TIMEOUT_MS = 150_000;

/** Kills a service with -9 at random moments while `work` goes on, and starts it again under the same identity. */
async function killRepeatedly(start: () => Promise<Child>, first: Child, progress: () => number): Promise<Child> {
  let child = first;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const before = progress();
    await eventually(() => assert.ok(progress() > before + 50, 'the service makes progress before it is killed'), {
      deadlineMs: 40_000,
    });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
    await child.end('SIGKILL');
    child = await start();
  }
  return child;
}

suite('kill -9', ({ test, skip, before, after }) => {
  let sandbox: Sandbox;
  let runs = 0;
  const newRun = async (): Promise<{ resources: RunResources; fleet: Fleet }> => {
    runs += 1;
    const resources = namedResources(`crash${process.pid}x${runs}`, sandbox.projectId);
    const fleet = new Fleet({ devices: 50, seed: runs, runId: resources.runId });
    await createResources(resources, fleet);
    return { resources, fleet };
  };

  before(async () => {
    sandbox = await startSandbox({ parts: ['mqtt', 'pubsub', 'firestore', 'bigquery'] });
    sandbox.applyEnv();
  });
  after(() => sandbox.close());

  const ingestionLosesNothing = async (mqtt: Record<string, string>) => {
    const { resources, fleet } = await newRun();
    const env = { ...resources.env, ...mqtt };
    const pubsub = new PubSub({ projectId: resources.projectId });
    await pubsub.topic(resources.topics.raw).createSubscription(`verify-${resources.runId}`);
    const collected = collectIds(resources.projectId, `verify-${resources.runId}`);
    const services: Child[] = [];
    const start = async () => {
      const service = await startService('ingestion', env);
      services.push(service);
      return service;
    };
    const first = await start();
    const load = new AbortController();
    const publishing = publishReadings(fleet.readings(ENDLESS), {
      url: mqtt.MQTT_URL ?? '',
      ratePerSecond: RATE,
      signal: load.signal,
    });
    const last = await killRepeatedly(start, first, () => collected.ids.size);
    await eventually(() => assert.ok(collected.ids.size >= MESSAGES));
    load.abort();
    const published = await publishing;
    await eventually(() => assert.is(collected.ids.size, published, 'distinct ids in Pub/Sub'), { deadlineMs: 30_000 });
    const url = /http:\/\/127[^"]+/.exec(last.output)?.[0];
    await eventually(async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      assert.match(metrics, /dataflow_mqtt_pubacks\{state="owed",[^}]*\} 0\n/, 'every PUBACK is written');
    });
    assert.is(await last.end('SIGTERM'), 0, `a clean end:\n${last.output}`);
    const duplicates = collected.total - collected.ids.size;
    console.log(`  ${published} messages, ${KILLS} kills: 0 lost, ${duplicates} duplicated`);
    // Each kill, and each connection that the broker breaks off, can repeat what was unsettled: `mqtt.maxInFlight`.
    const breaks = services.flatMap(({ output }) => output.match(/"event":"mqtt.disconnected"/g) ?? []).length;
    assert.ok(duplicates <= (KILLS + breaks) * 1_000, `${duplicates} duplicates, ${KILLS} kills, ${breaks} breaks`);
    await collected.close();
    await pubsub.close();
  };

  const onMosquitto = 'ingestion on mosquitto loses nothing';
  if (findMosquitto() === undefined) skip(onMosquitto, 'mosquitto is not installed');
  else {
    test(
      onMosquitto,
      async () => {
        const broker = await startMosquitto();
        try {
          await ingestionLosesNothing({ MQTT_URL: broker.url, MQTT_PROTOCOL_VERSION: '5' });
        } finally {
          await broker.close();
        }
      },
      TEST_TIMEOUT_MS,
    );
  }

  test(
    "ingestion on the sandbox's broker loses nothing",
    () => ingestionLosesNothing({ MQTT_URL: sandbox.env.MQTT_URL ?? '', MQTT_PROTOCOL_VERSION: '4' }),
    TEST_TIMEOUT_MS,
  );

  test(
    'bigqueries loses nothing, and makes no second row',
    async () => {
      const { resources, fleet } = await newRun();
      const env = { ...resources.env, DATAFLOW_INSERT__MAX_ROWS: '100', DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000' };
      const pubsub = new PubSub({ projectId: resources.projectId });
      const topic = pubsub.topic(resources.topics.enriched);
      const start = () => startService('bigqueries', env);
      const first = await start();
      const bigquery = createBigQueryClient({ projectId: resources.projectId });
      let rows = 0;
      const poll = setInterval(async () => {
        const [metadata] = await bigquery.dataset(resources.dataset).table(resources.table).getMetadata();
        rows = Number(metadata.numRows);
      }, 100);
      const load = new AbortController();
      let published = 0;
      const publishing = (async () => {
        for (const reading of fleet.readings(ENDLESS)) {
          if (load.signal.aborted) break;
          published += 1;
          const data = {
            id: reading.id,
            payload: reading.payload.toString('base64'),
            publishTime: '2026-01-01T00:00:00Z',
          };
          const sent = topic.publishMessage({ json: data });
          if (published % 20 === 0) await sent;
        }
        await topic.flush();
      })();
      const last = await killRepeatedly(start, first, () => rows);
      await eventually(() => assert.ok(published >= MESSAGES));
      load.abort();
      await publishing;
      await eventually(
        async () => assert.is((await countRows(resources)).distinctIds, published, 'distinct ids in BigQuery'),
        { deadlineMs: 60_000, everyMs: 250 },
      );
      clearInterval(poll);
      assert.is(await last.end('SIGTERM'), 0, `a clean end:\n${last.output}`);
      const { entries, distinctIds } = await countRows(resources);
      assert.is(entries, distinctIds, 'rows with the same insertId within its window');
      await pubsub.close();
    },
    TEST_TIMEOUT_MS,
  );
});
