import { randomBytes } from 'node:crypto';
import { type Message, PubSub } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { createBigQueries } from '../src/services/bigqueries/bigqueries.ts';
import { bigqueriesSchema } from '../src/services/bigqueries/config.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich } from '../src/services/enrich/enrich.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopic } from '../src/testing/new-topic.ts';
import { envelopeData } from '../src/testing/publish-envelope.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const QUIET = { telemetry: { level: 'silent' } };
const NEW_LETTERS_MS = 15_000;

suite('poisoned messages', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  let sandbox: Sandbox;
  let pubsub: PubSub;
  let deadLetters: readonly Message[] = [];
  let deadTopic: string;
  const run = randomBytes(4).toString('hex');
  const http = { host: '127.0.0.1', port: 0 };
  const common = () => ({ google: { projectId: sandbox.projectId }, http, deadLetters: { topicId: deadTopic } });
  /** Every dead letter of a service has its six attributes. */
  const assertEnvelope = (service: string, source: (deadLetter: Message) => string): void => {
    for (const deadLetter of deadLettersOf(service)) {
      const { dlq_reason, dlq_error, dlq_attempt, dlq_source, dlq_time } = deadLetter.attributes;
      assert.ok(dlq_reason, service);
      assert.ok(dlq_error, service);
      assert.is(dlq_attempt, '1');
      assert.is(dlq_source, source(deadLetter));
      assert.ok(Math.abs(Date.parse(dlq_time ?? '') - Date.now()) < 60_000, dlq_time);
      assert.is(deadLetter.orderingKey ?? '', '');
    }
  };
  const subscriptionName = (id: string) => `projects/${sandbox.projectId}/subscriptions/${id}`;
  const deadLettersOf = (service: string) =>
    deadLetters.filter((deadLetter) => deadLetter.attributes.dlq_service === service);

  before(async () => {
    ({ sandbox } = await startServers(scope));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
    deadTopic = await newTopic(pubsub, 'dead');
    deadLetters = collectMessages(scope, pubsub, deadTopic);
  });

  test("bigqueries: one invalid row fails alone, with BigQuery's reason", async () => {
    const input = await newTopic(pubsub, 'rows');
    const service = createBigQueries(
      v.parse(bigqueriesSchema, {
        service: 'bigqueries',
        ...common(),
        source: { subscriptionId: input },
        table: {
          datasetId: `poison_${run}`,
          tableId: 'rows',
          create: true,
          schema: [
            { name: 'id', type: 'STRING', mode: 'REQUIRED', from: 'metadata.id' },
            { name: 'value', type: 'INT64', mode: 'REQUIRED' },
          ],
        },
      }),
      QUIET,
    );
    await service.start();
    await service.ready;
    const topic = pubsub.topic(input);
    for (let index = 0; index < 200; index += 1) {
      void topic.publishMessage({ data: envelopeData(`good-${index}`, { value: index }) });
    }
    await topic.publishMessage({ data: envelopeData('wrong-type', { value: 'many' }), attributes: { uid: 'u1' } });
    await topic.publishMessage({ data: envelopeData('missing', { other: 1 }) });
    await topic.publishMessage({ data: envelopeData('no-object', 'text') });
    await topic.publishMessage({ data: Buffer.from([0xff, 0x00, 0x80]) });
    await topic.flush();
    await eventually(() => assert.is(deadLettersOf('bigqueries').length, 4), { deadlineMs: NEW_LETTERS_MS });
    await eventually(() => assert.is(service.ledger.acked, 200));

    const byReason = Map.groupBy(deadLettersOf('bigqueries'), (deadLetter) => deadLetter.attributes.dlq_reason);
    assert.is(byReason.get('rejected')?.length, 2);
    assert.is(byReason.get('undecodable')?.length, 2);
    const wrongType = deadLettersOf('bigqueries').find((deadLetter) => deadLetter.data.includes('wrong-type'));
    assert.match(wrongType?.attributes.dlq_error ?? '', /value/);
    assert.is(wrongType?.attributes.uid, 'u1', 'the original attributes stay');
    assertEnvelope('bigqueries', () => subscriptionName(input));
    assert.equal(wrongType?.data, envelopeData('wrong-type', { value: 'many' }), 'the original data stays');

    const [rows] = await createBigQueryClient({ projectId: sandbox.projectId }).query(
      `SELECT COUNT(*) AS n FROM \`${sandbox.projectId}.poison_${run}.rows\``,
    );
    assert.is(Number(rows[0].n), 200);
    assert.ok(service.ledger.balanced);
    assert.is((await service.shutdown()).abandoned, 0);
  });

  test('ingestion: messages too large for Pub/Sub go to dead-letter, the rest passes', async () => {
    const output = await newTopic(pubsub, 'raw');
    const service = createIngestion(
      v.parse(ingestionSchema, {
        service: 'ingestion',
        ...common(),
        mqtt: { url: sandbox.env.MQTT_URL, clientId: `poison-${run}`, protocolVersion: 4 },
        routes: { all: { source: { mqtt_topic: 'poison/+', qos: 1 }, destination: { route_name: 'raw' } } },
        producers: { raw: { outputTopicId: output } },
      }),
      {
        ...QUIET,
        enricher: (message) => {
          if (message.attributes.mqtt_topic === 'poison/thrown') throw new Error('no such device');
          return {};
        },
      },
    );
    await service.start();
    await service.ready;
    const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
    const large = Buffer.alloc(8_000_000, 7);
    await client.publishAsync('poison/large', large, { qos: 1 });
    await client.publishAsync('poison/thrown', 'x', { qos: 1 });
    await client.publishAsync('poison/empty', '', { qos: 1 });
    await client.publishAsync('poison/binary', Buffer.from([0, 255, 254]), { qos: 1 });
    await eventually(() => assert.is(deadLettersOf('ingestion').length, 2), { deadlineMs: NEW_LETTERS_MS });
    await eventually(() => assert.is(service.ledger.acked, 2));
    const reasons = deadLettersOf('ingestion').map((deadLetter) => deadLetter.attributes.dlq_reason);
    assert.equal(reasons.sort(), ['hook_failed', 'too_large']);
    const deadLetter = deadLettersOf('ingestion').find(({ attributes }) => attributes.dlq_reason === 'too_large');
    assert.ok(deadLetter?.data.equals(large), 'the whole payload is kept');
    assert.is(deadLetter?.attributes.mqtt_topic, 'poison/large');
    assertEnvelope('ingestion', ({ attributes }) => `mqtt:${attributes.mqtt_topic}`);
    await client.endAsync();
    assert.ok(service.ledger.balanced);
    assert.is((await service.shutdown()).abandoned, 0);
  });

  test('enrich: a message without key or data follows the policy', async () => {
    const input = await newTopic(pubsub, 'keys');
    const output = await newTopic(pubsub, 'enriched');
    const service = createEnrich(
      v.parse(enrichSchema, {
        service: 'enrich',
        ...common(),
        source: { subscriptionId: input },
        key: ['payload.device'],
        lookup: { memory: {}, firestore: { collection: `devices-${run}` } },
        withoutKey: 'deadLetter',
        withoutData: 'drop',
        output: { topicId: output },
      }),
      QUIET,
    );
    await service.start();
    await service.ready;
    const topic = pubsub.topic(input);
    await topic.publishMessage({ data: envelopeData('no-key', { value: 1 }) });
    await topic.publishMessage({ data: envelopeData('unknown', { device: 'nobody' }) });
    await topic.publishMessage({ data: envelopeData('hostile', { device: '../../secrets/x' }) });
    await eventually(() => assert.is(service.ledger.deadLettered, 1));
    await eventually(() => assert.is(service.ledger.dropped, 2));
    await eventually(() => assert.is(deadLettersOf('enrich')[0]?.attributes.dlq_reason, 'no_key'));
    assertEnvelope('enrich', () => subscriptionName(input));
    assert.is(service.ledger.acked, 0);
    assert.is((await service.shutdown()).abandoned, 0);
  });

  test('icestore: a message without a time goes to dead-letter; hostile locations stay one path segment', async () => {
    const input = await newTopic(pubsub, 'archive');
    const service = createIcestore(
      v.parse(icestoreSchema, {
        service: 'icestore',
        ...common(),
        source: { subscriptionId: input },
        bucket: { name: `poison-${run}`, create: true },
        archive: { time: 'payload.at', location: ['payload.site'], maxAgeMs: 100 },
      }),
      QUIET,
    );
    const stored: string[] = [];
    service.probes.stored.subscribe(({ name }) => stored.push(name));
    await service.start();
    await service.ready;
    const topic = pubsub.topic(input);
    await topic.publishMessage({ data: envelopeData('timeless', { at: 'yesterday' }) });
    await topic.publishMessage({ data: envelopeData('hostile', { at: '2026-01-02T23:30:00-02:00', site: '../../x' }) });
    await eventually(() => assert.is(deadLettersOf('icestore').length, 1), { deadlineMs: NEW_LETTERS_MS });
    await eventually(() => assert.is(stored.length, 1));
    assertEnvelope('icestore', () => subscriptionName(input));
    assert.match(stored[0] ?? '', /^2026\/01\/03\/\.\._\.\._x\/[0-9a-f]{32}\.jsonl\.gz$/);
    assert.is((await service.shutdown()).abandoned, 0);
  });
});
