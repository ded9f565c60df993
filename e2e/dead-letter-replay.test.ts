import { Firestore } from '@google-cloud/firestore';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createBigQueryClient } from '../src/clients/bigquery.ts';
import { decodeEnvelope } from '../src/core/envelope.ts';
import { createBigQueries } from '../src/services/bigqueries/bigqueries.ts';
import { bigqueriesSchema } from '../src/services/bigqueries/config.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich } from '../src/services/enrich/enrich.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suite } from '../src/testing/suite.ts';
import { type LettersRig, startLettersRig } from './letters-rig.ts';

const QUIET = { telemetry: { level: 'silent' } };
const TEST_TIMEOUT_MS = 120_000;

suite('dead letters of a mended pipeline', ({ test, before, after }) => {
  let rig: LettersRig;
  before(async () => {
    rig = await startLettersRig();
  });
  after(() => rig?.close());

  test(
    'enrich: what had no data is listed, and arrives once when the documents are there',
    async () => {
      const [input, output, dead] = [
        await rig.newTopic('e-in'),
        await rig.newTopic('e-out'),
        await rig.newTopic('e-dead'),
      ];
      const config = {
        ...{ service: 'enrich', ...rig.common, source: { subscriptionId: input }, key: ['payload.device'] },
        lookup: { memory: {}, firestore: { collection: input }, missingTtlMs: 1 },
        ...{ withoutData: 'deadLetter', output: { topicId: output } },
        deadLetters: { topicId: dead, subscriptionId: dead },
      };
      const pipeline = rig.pipeline(config);
      const service = createEnrich(v.parse(enrichSchema, config), QUIET);
      await service.start();
      await service.ready;
      const enriched = rig.collect(output);
      const ids = Array.from({ length: 30 }, (_, index) => `m${index}`);
      for (const id of ids) await rig.publish(input, id, { device: `d-${id}` }, { uid: id });
      await eventually(() => assert.is(service.ledger.deadLettered, 30));

      const table = await rig.run('list', pipeline);
      assert.is(table.code, 0, table.output);
      assert.match(table.stdout, /^id +time +service +reason +attempt +bytes +error\n/);
      assert.match(table.stdout, /enrich +no_data +1 +\d+ +there is no data for "d-m0"\n/);
      assert.match(table.stdout, /\n30 letters: no_data 30\n$/);
      const dry = await rig.run('replay', pipeline, '--dry-run');
      assert.is(dry.code, 0, dry.output);
      assert.match(dry.stdout, /30 letters would be replayed, 0 left/);
      assert.match(dry.output, `would replay to projects/${rig.sandbox.projectId}/topics/${input}`);
      const before = await rig.list(pipeline);
      assert.equal(before.byReason, { no_data: 30 });
      assert.is(service.ledger.received, 30, 'a dry run changes nothing');

      const shown = await rig.run('show', pipeline, before.letters[0]?.id ?? '');
      assert.is(shown.code, 0, shown.output);
      assert.match(shown.stdout, '  dlq_service: enrich\n');
      assert.match(shown.stdout, `"publishTime": "2026-02-03T04:05:06Z"`);

      const firestore = new Firestore({ projectId: rig.sandbox.projectId });
      for (const id of ids)
        await firestore
          .collection(input)
          .doc(`d-${id}`)
          .set({ ClientID: `c-${id}` });
      await firestore.terminate();
      const { code, stdout, output: printed } = await rig.run('replay', pipeline, '--rate', '1000');
      assert.is(code, 0, printed);
      assert.match(stdout, /30 letters replayed, 0 left/);
      await eventually(() => assert.is(service.ledger.acked, 30));
      await eventually(() => assert.is(enriched.length, 30));
      assert.equal(enriched.map(({ data }) => decodeEnvelope(data).id).sort(), ids.toSorted());
      for (const { data, attributes } of enriched) {
        const { id, enrichmentData } = decodeEnvelope(data);
        assert.is(enrichmentData.name, `c-${id}`);
        assert.equal(attributes, { uid: id }, 'no dlq_ attribute is left');
      }
      assert.equal((await rig.list(pipeline)).letters, []);
      assert.is((await service.shutdown()).abandoned, 0);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'bigqueries: rows that a mended transformer takes are in the table once',
    async () => {
      const [input, dead] = [await rig.newTopic('b-in'), await rig.newTopic('b-dead')];
      const datasetId = input.replaceAll('-', '_');
      const config = {
        ...{ service: 'bigqueries', ...rig.common, source: { subscriptionId: input } },
        table: {
          ...{ datasetId, tableId: 'rows', create: true },
          schema: [
            { name: 'id', type: 'STRING', mode: 'REQUIRED', from: 'metadata.id' },
            { name: 'value', type: 'INT64', mode: 'REQUIRED' },
          ],
        },
        deadLetters: { topicId: dead, subscriptionId: dead, maxAttempts: 2 },
      };
      const pipeline = rig.pipeline(config);
      const parsed = v.parse(bigqueriesSchema, config);
      const broken = createBigQueries(parsed, QUIET);
      await broken.start();
      await broken.ready;
      for (let index = 0; index < 20; index += 1) {
        await rig.publish(input, `m${index}`, { value: index % 2 === 0 ? index : `${index} units` });
      }
      await eventually(() => assert.is(broken.ledger.deadLettered, 10));
      await eventually(() => assert.is(broken.ledger.acked, 10));
      assert.is((await broken.shutdown()).abandoned, 0);
      const { letters } = await rig.list(pipeline);
      assert.equal([...new Set(letters.map(({ reason, attempt }) => `${reason} ${attempt}`))], ['rejected 2']);

      const mended = createBigQueries(parsed, {
        ...QUIET,
        transformer: ({ id, payload }) => ({
          id,
          value: Number.parseInt(JSON.parse(Buffer.from(payload).toString()).value, 10),
        }),
      });
      await mended.start();
      await mended.ready;
      const { code, output } = await rig.run('replay', pipeline);
      assert.is(code, 0, output);
      await eventually(() => assert.is(mended.ledger.acked, 10));
      const bigquery = createBigQueryClient({ projectId: rig.sandbox.projectId });
      const [rows] = await bigquery.query(
        `SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids, SUM(value) AS total FROM \`${rig.sandbox.projectId}.${datasetId}.rows\``,
      );
      assert.equal([Number(rows[0].n), Number(rows[0].ids), Number(rows[0].total)], [20, 20, 190]);
      assert.equal((await rig.list(pipeline)).letters, []);
      assert.is((await mended.shutdown()).abandoned, 0);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'ingestion: what a hook refused goes back over MQTT, through the mended hook',
    async () => {
      const [output, dead] = [await rig.newTopic('i-raw'), await rig.newTopic('i-dead')];
      const config = {
        ...{ service: 'ingestion', ...rig.common },
        mqtt: { url: rig.sandbox.env.MQTT_URL, clientId: output, protocolVersion: 4 },
        routes: { all: { source: { mqtt_topic: 'replay/+', qos: 1 }, destination: { route_name: 'raw' } } },
        producers: { raw: { outputTopicId: output } },
        deadLetters: { topicId: dead, subscriptionId: dead },
      };
      const pipeline = rig.pipeline(config);
      let isMended = false;
      const service = createIngestion(v.parse(ingestionSchema, config), {
        ...QUIET,
        enricher: () => {
          if (!isMended) throw new Error('not yet');
          return {};
        },
      });
      await service.start();
      await service.ready;
      const client = await connectAsync(rig.sandbox.env.MQTT_URL ?? '');
      const payloads = Array.from({ length: 20 }, (_, index) => Buffer.from([0xff, index, 0x00]));
      for (const [index, payload] of payloads.entries())
        await client.publishAsync(`replay/${index}`, payload, { qos: 1 });
      await client.endAsync();
      await eventually(() => assert.is(service.ledger.deadLettered, 20));
      const { letters } = await rig.list(pipeline);
      assert.equal([...new Set(letters.map(({ reason }) => reason))], ['hook_failed']);
      assert.ok(letters.some(({ source }) => source === 'mqtt:replay/7'));
      const shown = await rig.run('show', pipeline, letters[0]?.id ?? '');
      assert.match(shown.stdout, /00000000 {2}ff [0-9a-f]{2} 00 /, 'what is no text is shown in hexadecimal');

      const raw = rig.collect(output);
      isMended = true;
      const { code, output: printed } = await rig.run('replay', pipeline);
      assert.is(code, 0, printed);
      await eventually(() => assert.is(service.ledger.acked, 20));
      await eventually(() => assert.is(raw.length, 20));
      const arrived = raw.map(({ data, attributes }) => {
        const { payload } = decodeEnvelope(data);
        return `${attributes.mqtt_topic} ${Buffer.from(payload).toString('hex')}`;
      });
      assert.equal(
        arrived.sort(),
        payloads.map((payload, index) => `replay/${index} ${payload.toString('hex')}`).sort(),
      );
      assert.equal((await rig.list(pipeline)).letters, []);
      assert.is((await service.shutdown()).abandoned, 0);
    },
    TEST_TIMEOUT_MS,
  );
});
