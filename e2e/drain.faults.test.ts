import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto } from '../src/testing/mosquitto.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun } from '../src/testing/test-run.ts';
import { countLines, countRows } from '../src/tools/demo/sink-counts.ts';

const RATE = 2_500;
const RESTARTS = sized({ full: 3, short: 1 });

const TITLE = 'abandons nothing; after restarts nothing is lost and nothing is there twice';

suite('shutdown under load', (it) => {
  const { test, skip, before } = it;
  if (findMosquitto() === undefined) {
    // aedes sends some messages of a resumed session twice under load.
    skip(TITLE, 'mosquitto is not installed');
    return;
  }
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    const parts = ['pubsub', 'firestore', 'storage', 'bigquery', 'redis'] as const;
    servers = await startServers(whole, { parts, mosquitto: true });
  });

  test(TITLE, async () => {
    const { sandbox, mqttEnv } = servers;
    const run = await openRun(scope, {
      projectId: sandbox.projectId,
      mqttUrl: mqttEnv.MQTT_URL,
      devices: 30,
      seed: 5,
      env: mqttEnv,
    });
    let platform = await run.startPlatform();
    const load = run.load({ ratePerSecond: RATE });
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      const { ledger } = platform.service('ingestion');
      await eventually(() => assert.ok(ledger.received > 300, 'under load'));
      assert.is(await platform.shutdown(), 0, 'abandoned');
      for (const service of platform.all) {
        assert.is(service.ledger.inFlight, 0, `${service.name} in flight`);
        assert.is(service.ledger.nacked, 0, `${service.name} nacked`);
        assert.ok(service.ledger.balanced, `${service.name} balanced`);
      }
      platform = await run.startPlatform();
    }
    const published = await load.stop();
    await run.arrivalInBothSinks(published, 40_000);
    assert.is(await platform.shutdown(), 0);
    assert.equal(await countRows(run.resources), { entries: published, distinctIds: published });
    assert.equal(await countLines(run.resources), { entries: published, distinctIds: published });
  });
});
