import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Platform, startPlatform } from '../src/demo/platform.ts';
import { createResources } from '../src/demo/provision-run.ts';
import { namedResources } from '../src/demo/run-resources.ts';
import { countLines, countRows } from '../src/demo/sink-counts.ts';
import { Fleet } from '../src/fleet/fleet.ts';
import { publishReadings } from '../src/fleet/publish-readings.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { suite } from '../src/testing/suite.ts';

const MESSAGES = 5_000;
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
    const publishing = publishReadings(fleet.readings(MESSAGES), {
      url: broker.url,
      ratePerSecond: 2_500,
    });
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
    assert.is(await publishing, MESSAGES);
    await eventually(async () => {
      assert.is((await countRows(resources)).distinctIds, MESSAGES, 'distinct rows');
      assert.is((await countLines(resources)).distinctIds, MESSAGES, 'distinct lines');
    });
    assert.is(await platform.shutdown(), 0);
    assert.equal(await countRows(resources), { entries: MESSAGES, distinctIds: MESSAGES });
    assert.equal(await countLines(resources), { entries: MESSAGES, distinctIds: MESSAGES });
  });
});
