import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Platform, startPlatform } from '../src/demo/platform.ts';
import { createResources } from '../src/demo/provision-run.ts';
import { namedResources } from '../src/demo/run-resources.ts';
import { countLines, countRows } from '../src/demo/sink-counts.ts';
import { Fleet } from '../src/fleet/fleet.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { arrivalInBothSinks } from '../src/testing/both-sinks.ts';
import { eventually } from '../src/testing/eventually.ts';
import { mqttLoad } from '../src/testing/load.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { suite } from '../src/testing/suite.ts';

const RATE = 2_500;
const RESTARTS = 3;

const TITLE = 'abandons nothing; after restarts nothing is lost and nothing is there twice';

suite('shutdown under load', ({ test, skip, before, after }) => {
  if (findMosquitto() === undefined) {
    // aedes breaks off a connection now and then when a session is resumed under load ("no such packet").
    skip(TITLE, 'mosquitto is not installed');
    return;
  }
  let sandbox: Sandbox;
  let broker: Mosquitto;
  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub', 'firestore', 'storage', 'bigquery', 'redis'] });
    sandbox.applyEnv();
    broker = await startMosquitto();
  });
  after(async () => {
    await broker?.close();
    await sandbox?.close();
  });

  test(TITLE, async () => {
    const runId = randomBytes(4).toString('hex');
    const resources = namedResources(runId, sandbox.projectId);
    const fleet = new Fleet({ devices: 30, seed: 5, runId });
    await createResources(resources, fleet);
    const start = (): Promise<Platform> =>
      startPlatform({
        pipelines: join(import.meta.dirname, '../pipelines'),
        env: { ...process.env, ...resources.env, MQTT_URL: broker.url, MQTT_PROTOCOL_VERSION: '5' },
        level: 'silent',
        redis: sandbox.env.REDIS_URL !== undefined,
      });

    let platform = await start();
    const load = mqttLoad(fleet, broker.url, { ratePerSecond: RATE });
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      const { ledger } = platform.ingestion;
      await eventually(() => assert.ok(ledger.received > 300, 'under load'));
      assert.is(await platform.shutdown(), 0, 'abandoned');
      for (const service of platform.all) {
        assert.is(service.ledger.inFlight, 0, `${service.name} in flight`);
        assert.is(service.ledger.nacked, 0, `${service.name} nacked`);
        assert.ok(service.ledger.balanced, `${service.name} balanced`);
      }
      platform = await start();
    }
    const published = await load.stop();
    await arrivalInBothSinks(resources, published, 40_000);
    assert.is(await platform.shutdown(), 0);
    assert.equal(await countRows(resources), { entries: published, distinctIds: published });
    assert.equal(await countLines(resources), { entries: published, distinctIds: published });
  });
});
