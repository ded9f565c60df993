import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import * as assert from 'uvu/assert';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { Scrape } from '../src/testing/scrape.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun, type TestRun } from '../src/testing/test-run.ts';
import type { Platform } from '../src/tools/demo/platform.ts';
import type { RunResources } from '../src/tools/demo/run-resources.ts';
import { countLines, countRows } from '../src/tools/demo/sink-counts.ts';
import type { Fleet } from '../src/tools/load/fleet.ts';
import { assertInOrder, sequencesOf } from './flows/harness/order.ts';

const MESSAGES = 3_000;
const DEVICES = 40;

suite('the four services', (it) => {
  const { test, before } = it;
  const whole = suiteScope(it);
  let run: TestRun;
  let resources: RunResources;
  let fleet: Fleet;
  let platform: Platform;

  before(async () => {
    const { sandbox, mqttEnv } = await startServers(whole);
    run = await openRun(whole, {
      projectId: sandbox.projectId,
      mqttUrl: mqttEnv.MQTT_URL,
      devices: DEVICES,
      seed: 7,
      env: mqttEnv,
    });
    ({ resources, fleet } = run);
    platform = await run.startPlatform();
  });

  test('carry every reading from MQTT to both sinks, in order for each device', async () => {
    const [ingestion, enrich] = [platform.service('ingestion'), platform.service('enrich')];
    const [icestore, bigqueries] = [platform.service('icestore'), platform.service('bigqueries')];
    const routed = sequencesOf(ingestion.probes.routed);
    const enriched = sequencesOf(enrich.probes.enriched);
    const decoded = sequencesOf(bigqueries.probes.decoded);

    const load = run.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: MESSAGES });
    assert.is(await load.done, MESSAGES);

    // First the services' own counts, then the contents of the sinks.
    await eventually(() => {
      assert.is(ingestion.ledger.acked, MESSAGES, 'ingested');
      assert.is(enrich.ledger.acked, MESSAGES, 'enriched');
      assert.is(icestore.ledger.acked, MESSAGES, 'archived');
      assert.is(bigqueries.ledger.acked, MESSAGES, 'inserted');
    });
    assertInOrder(routed, MESSAGES, 'ingestion');
    assertInOrder(enriched, MESSAGES, 'enrich');
    assertInOrder(decoded, MESSAGES, 'bigqueries');
    for (const { name, ledger } of platform.all) {
      assert.ok(ledger.balanced, `the ledger of ${name} balances`);
      assert.is(ledger.inFlight, 0);
      assert.is(ledger.settledTwice, 0);
    }

    assert.equal(await countRows(resources), { entries: MESSAGES, distinctIds: MESSAGES });
    assert.equal(await countLines(resources), { entries: MESSAGES, distinctIds: MESSAGES });
  });

  test('query Firestore once per device, and memory for the rest', () => {
    const { memoryHit, firestoreHit, redisHit, missing } = platform.service('enrich').probes;
    assert.is(firestoreHit.count, DEVICES);
    assert.is(redisHit.count, 0);
    assert.is(missing.count, 0);
    assert.is(memoryHit.count, MESSAGES - DEVICES);
  });

  test('write the data from Firestore into every row', async () => {
    const bigquery = createBigQueryClient({ projectId: resources.projectId });
    const [rows] = await bigquery.query(
      `SELECT device_id, client, location, service_tag, COUNT(*) AS readings
       FROM \`${resources.projectId}.${resources.dataset}.${resources.table}\`
       GROUP BY device_id, client, location, service_tag ORDER BY device_id`,
    );
    assert.is(rows.length, DEVICES);
    for (const row of rows) {
      const record = fleet.recordOf(row.device_id);
      assert.equal(
        { client: row.client, location: row.location, service_tag: row.service_tag },
        { client: record.ClientID, location: record.LocationID, service_tag: record.Category },
      );
    }
  });

  test('write objects of one key each, in the archive format', async () => {
    const storage = createStorageClient({ projectId: resources.projectId });
    const [files] = await storage.bucket(resources.bucket).getFiles();
    assert.ok(files.length >= 4, 'at least one object for each location');
    for (const file of files) {
      const [content] = await file.download();
      const lines = (await promisify(gunzip)(content)).toString('utf8').trimEnd().split('\n');
      const parsed = lines.map((line) => JSON.parse(line));
      const keys = new Set(parsed.map((line) => line.batchKey));
      assert.is(keys.size, 1, `${file.name} holds one key`);
      assert.match(file.name, new RegExp(`^raw/${[...keys][0]}/[0-9a-f]{32}\\.jsonl\\.gz$`));
      const [first] = parsed;
      assert.equal(Object.keys(first).sort(), [
        'archivedAt',
        'attributes',
        'batchKey',
        'enrichmentData',
        'id',
        'originalPubSubPayload',
        'publishTime',
      ]);
      const payload = JSON.parse(Buffer.from(first.originalPubSubPayload, 'base64').toString('utf8'));
      assert.is(payload.message_id, first.id);
      assert.is(first.attributes.route_name, 'raw');
    }
  });

  test('serve health, readiness and a ledger that balances', async () => {
    for (const service of platform.all) {
      assert.is((await fetch(`${service.url}/healthz`)).status, 200);
      assert.is((await fetch(`${service.url}/readyz`)).status, 200);
      const metrics = new Scrape(await (await fetch(`${service.url}/metrics`)).text());
      metrics.assertLedger();
      assert.ok(metrics.received >= MESSAGES);
      assert.is(metrics.value('dataflow_stage_messages_total', { stage: 'received' }), metrics.received);
      assert.ok(metrics.value('process_cpu_seconds_total') > 0);
    }
  });

  test('exit with 0', async () => {
    assert.is(await platform.shutdown(), 0);
  });
});
