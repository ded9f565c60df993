import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { Firestore } from '@google-cloud/firestore';
import { type Message, PubSub } from '@google-cloud/pubsub';
import * as fc from 'fast-check';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { createPipelineService, loadPipeline } from '../src/services/pipeline.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { type PipelineFolder, pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { explain } from '../src/tools/explain/explain.ts';
import type { Arrival, Explanation } from '../src/tools/explain/explanation.ts';
import { readLines } from './read-lines.ts';

const TIMEOUT_MS = 60_000;
const HOOKS = JSON.stringify(join(import.meta.dirname, '../src/hooks.ts'));

/** Payloads of devices: JSON with values of every kind, other JSON, text and bytes. */
const payload = fc.oneof(
  { weight: 5, arbitrary: json() },
  fc.constantFrom('', 'no JSON', '[1,2]', '"text"', '17', 'null', '{"a":', '\ufeff{}'),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);

function json() {
  const value = fc.oneof(
    fc.constantFrom(
      ...[
        '1',
        '-0',
        '1.50',
        '1e400',
        '9007199254740993',
        '12345678901234567890',
        '0.1',
        'true',
        'null',
        '[]',
        '[1,"x"]',
      ],
      ...['"2026-02-03T04:05:06.123456789Z"', '"wet"', '"21.5"', '{"x":1.0}', '"9999-12-31T23:59:59-01:00"', '"AQ=="'],
    ),
    fc.string({ maxLength: 5 }).map((text) => JSON.stringify(text.toWellFormed())),
  );
  const names = ['id', 'device', 'n', 'f', 'd', 'at', 'b', 'list', 'tree', 'what', 'site'];
  return fc
    .dictionary(fc.constantFrom(...names), value, { minKeys: 1, maxKeys: 8 })
    .map((members) => `{${Object.entries(members).map(([name, text]) => `${JSON.stringify(name)}:${text}`)}}`);
}

/** The data of Pub/Sub messages: envelopes, with enrichment data or without, and what is none. */
const data = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      id: fc.constantFrom('a', 'b', 'ü'),
      bytes: payload,
      site: fc.constantFrom('', 'north', '../x'),
    }),
  },
  fc.constantFrom('', 'no JSON', '[]', '{"payload":"AQ=="}', '{"id":"a","payload":"*"}'),
);

function dataOf(drawn: string | { id: string; bytes: string | Buffer; site: string }): Buffer {
  if (typeof drawn === 'string') return Buffer.from(drawn);
  const { id, bytes, site } = drawn;
  return Buffer.from(
    JSON.stringify({
      ...{ id, payload: Buffer.from(bytes).toString('base64'), publishTime: '2026-02-03T04:05:06.000000001Z' },
      ...(site === '' ? {} : { enrichmentData: { DeviceID: id, location: site } }),
    }),
  );
}

const SEED = 20261129;
const MESSAGES = 60;

/** Every fifth message is filed under another day, or under none. */
const testTime = (index: number): Record<string, string> =>
  index % 5 === 0 ? { test_publish_time: index % 2 === 0 ? 'tomorrow' : '2025-01-01T00:00:00Z' } : {};

/** The end of a message, without what is made anew each time. */
type End = Readonly<Record<string, unknown>> | 'dropped';

const steady = (text: string): string =>
  text
    .replace(/[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[\da-f]{4}-[\da-f]{12}/g, 'ID')
    .replace(/20(?!26-02-03)\d\d-\d\d-\d\dT[\d:.]+Z/g, 'TIME');

const publishedEnd = ({
  data,
  attributes,
  orderingKey,
}: Pick<Message, 'attributes' | 'orderingKey'> & { data: Buffer | string }): End => ({
  envelope: steady(String(data)),
  attributes,
  orderingKey: orderingKey ?? '',
});
const deadEnd = ({ attributes }: Pick<Message, 'attributes'>): End => ({
  reason: attributes.dlq_reason,
  error: steady(attributes.dlq_error ?? ''),
  source: attributes.dlq_source,
});

/** The end of a message by its explanation. */
function explainedEnd({ outcome, published, deadLetter, archived, row }: Explanation): End {
  switch (outcome) {
    case 'published':
      return publishedEnd({
        data: published?.envelope ?? '',
        attributes: { ...published?.attributes },
        orderingKey: published?.orderingKey ?? '',
      });
    case 'archived':
      return { line: withoutArchivedAt(archived?.line ?? '{}') };
    case 'inserted':
      return { mark: row?.json?.mark, what: row?.json?.what };
    case 'refused':
      // BigQuery has words of its own for it.
      return { reason: 'rejected' };
    case 'deadLettered':
      return deadEnd({ attributes: { ...deadLetter?.attributes } });
    case 'dropped':
      return 'dropped';
    default:
      return { outcome };
  }
}

function withoutArchivedAt(line: string): unknown {
  const { archivedAt: _, ...rest } = JSON.parse(line);
  return rest;
}

suite('explain agrees with the services', (it) => {
  const { test, skip, before } = it;
  const whole = suiteScope(it);
  const scope = testScope(it);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  let folder: PipelineFolder;
  before(async () => {
    ({ sandbox } = await startServers(whole, { parts: ['mqtt', 'pubsub', 'firestore', 'storage', 'bigquery'] }));
    pubsub = whole.use(new PubSub({ projectId: sandbox.projectId }));
    folder = pipelineFolder(whole);
  });
  const common = () => ({
    google: { projectId: sandbox.projectId },
    http: { host: '127.0.0.1', port: 0 },
    log: { level: 'silent' },
  });

  /** Starts the service of a pipeline, with its hooks. */
  const start = async (config: object, hooks?: string) => {
    const path = folder.pipeline({ ...common(), ...config });
    if (hooks !== undefined) folder.file(join(basename(path), 'hooks.ts'), `import { drop } from ${HOOKS};\n${hooks}`);
    const pipeline = await loadPipeline(path);
    const service = await createPipelineService(pipeline, { telemetry: { processMetrics: false } });
    scope.defer(() => service.shutdown(2_000));
    await service.start();
    await service.ready;
    return { pipeline, service };
  };
  /** Follows each message by the command's code, and by what came of it. */
  const compare = async (
    { pipeline, service }: Awaited<ReturnType<typeof start>>,
    arrivals: readonly Arrival[],
    send: (arrival: Arrival) => Promise<unknown>,
    ends: () => Promise<ReadonlyMap<string, End>> | ReadonlyMap<string, End>,
    markOf: (arrival: Arrival) => string,
  ) => {
    const expected = new Map<string, End>();
    for (const arrival of arrivals) {
      await send(arrival);
      expected.set(markOf(arrival), explainedEnd(await explain(pipeline, arrival)));
    }
    const dropped = [...expected.values()].filter((end) => end === 'dropped').length;
    await eventually(
      async () => {
        const { received, inFlight, nacked } = service.ledger;
        assert.equal([received, inFlight, nacked], [arrivals.length, 0, 0]);
        assert.is((await ends()).size, arrivals.length - dropped);
      },
      { deadlineMs: 30_000 },
    );
    assert.is(service.ledger.dropped, dropped);
    const real = await ends();
    for (const [mark, end] of expected) {
      const found = real.get(mark) ?? 'dropped';
      const isReasonOnly = end !== 'dropped' && found !== 'dropped' && Object.keys(end).join() === 'reason';
      assert.equal(end, isReasonOnly ? { reason: found.reason } : found, mark);
    }
    return [...expected.values()];
  };
  /** Arrivals at a subscription, told apart by the attribute `mark`. */
  const atSubscription = (): Arrival[] =>
    fc
      .sample(fc.tuple(data, fc.constantFrom('', 'k1', 'k2'), fc.constantFrom('t/d1', 'ü/😀')), {
        numRuns: MESSAGES,
        seed: SEED,
      })
      .map(([drawn, orderingKey, topic], index) => ({
        ...{ data: dataOf(drawn), orderingKey, topic, retained: false, asIs: true },
        attributes: { mark: String(index), uid: index % 3 === 0 ? 'd1' : 'a/b', ...testTime(index) },
      }));
  const publishTo = (topicId: string) => {
    const topic = pubsub.topic(topicId, { messageOrdering: true });
    return ({ data, attributes, orderingKey, topic: mqttTopic }: Arrival) =>
      topic.publishMessage({ data, attributes: { ...attributes, mqtt_topic: mqttTopic ?? '' }, orderingKey });
  };
  const markOf = ({ attributes }: Pick<Arrival, 'attributes'>) => attributes.mark ?? '';
  const reasons = (ends: readonly End[]) =>
    [...new Set(ends.map((end) => (end === 'dropped' ? end : String(end.reason ?? 'taken'))))].sort();

  test(
    'ingestion: limits, ids, routes, a hook, ordering keys and envelopes',
    async () => {
      const [output, dead] = await newTopics(pubsub, 'explained', 'explained-dead');
      const published = collectMessages(scope, pubsub, output);
      const dropping = collectMessages(scope, pubsub, dead);
      const root = output;
      const route = (name: string, more: object) => ({
        source: { mqtt_topic: `${root}/${name}/+/#`, qos: 1 },
        destination: { route_name: 'raw' },
        ...more,
      });
      const started = await start(
        {
          service: 'ingestion',
          mqtt: { url: sandbox.env.MQTT_URL, clientId: output, protocolVersion: 4, maxPayloadBytes: 100 },
          id: 'payload.id',
          routes: {
            plain: route('plain', { device: { topic: `${root}/plain/{DeviceID}/{site}` } }),
            tight: route('tight', { payload: { minBytes: 3, maxBytes: 60 } }),
            quiet: route('quiet', { payload: { minBytes: 3, outside: 'drop' } }),
          },
          producers: { raw: { outputTopicId: output, orderingKey: { path: 'payload.device', buckets: 7 } } },
          deadLetters: { topicId: dead, subscriptionId: dead },
        },
        `export async function enricher(message, device) {
          const text = Buffer.from(message.payload).toString();
          if (text.includes('wet')) throw new Error('it is wet');
          if (text.includes('21.5')) return drop;
          return { ...device, size: text.length };
        }`,
      );
      const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
      scope.defer(() => client.endAsync(true));
      const arrivals = fc
        .sample(fc.tuple(payload, fc.constantFrom('plain', 'tight', 'quiet')), { numRuns: MESSAGES, seed: SEED })
        .map(
          ([bytes, name], index): Arrival => ({
            ...{ data: Buffer.from(bytes), attributes: {}, orderingKey: '', retained: false, asIs: true },
            topic: `${root}/${name}/d${index}/x`,
          }),
        );
      const ends = await compare(
        started,
        arrivals,
        ({ topic = '', data }) => client.publishAsync(topic, data, { qos: 1 }),
        () =>
          new Map([
            ...published.map((message) => [message.attributes.mqtt_topic ?? '', publishedEnd(message)] as const),
            ...dropping.map((message) => [message.attributes.mqtt_topic ?? '', deadEnd(message)] as const),
          ]),
        ({ topic = '' }) => topic,
      );
      assert.equal(reasons(ends), ['dropped', 'hook_failed', 'taken', 'too_large', 'too_small']);
    },
    TIMEOUT_MS,
  );

  if (findMosquitto() === undefined) skip('ingestion: MQTT 5 properties', 'mosquitto is not installed');
  else {
    test('ingestion: user properties of MQTT 5, and what of them is left out', async () => {
      const { url } = scope.use(await startMosquitto());
      const [output, dead] = await newTopics(pubsub, 'explained', 'explained-dead');
      const published = collectMessages(scope, pubsub, output);
      const started = await start({
        ...{ service: 'ingestion', mqtt: { url, clientId: output, retained: 'always' }, id: 'payload.id' },
        routes: { all: { source: { mqtt_topic: 'a/#', qos: 1 }, destination: { route_name: 'raw' } } },
        producers: { raw: { outputTopicId: output } },
        deadLetters: { topicId: dead, subscriptionId: dead },
      });
      const client = await connectAsync(url, { protocolVersion: 5 });
      scope.defer(() => client.endAsync(true));
      const names = ['site', 'mqtt_topic', 'uid', 'goog', 'long', 'n'.repeat(300), 'ü'];
      const arrivals = names.map(
        (name, index): Arrival => ({
          ...{
            data: Buffer.from(`{"id":${index}}`),
            orderingKey: '',
            retained: false,
            asIs: true,
            topic: `a/${index}/x`,
          },
          attributes: { [name]: name === 'long' ? 'x'.repeat(2_000) : 'v', more: '1' },
        }),
      );
      await compare(
        started,
        arrivals,
        ({ topic = '', data, attributes }) =>
          client.publishAsync(topic, data, { qos: 1, properties: { userProperties: { ...attributes } } }),
        () =>
          new Map(published.map((message) => [message.attributes.mqtt_topic ?? '', publishedEnd(message)] as const)),
        ({ topic = '' }) => topic,
      );
    });
  }

  test(
    'enrich: keys, data, policies, an applier and ordering keys',
    async () => {
      const [input, output, dead] = await newTopics(pubsub, 'explained-in', 'explained-out', 'explained-dead');
      const firestore = new Firestore({ projectId: sandbox.projectId });
      scope.defer(() => firestore.terminate());
      const collection = `devices-${randomBytes(4).toString('hex')}`;
      const document = { ClientID: 'c1', LocationID: 'hall', deep: { x: 1.5 } };
      for (const id of ['a', 'd1']) await firestore.collection(collection).doc(id).set(document);
      const published = collectMessages(scope, pubsub, output);
      const given = collectMessages(scope, pubsub, dead);
      const arrivals = atSubscription();
      const withData = (key: string | undefined) => key === 'a' || key === 'd1';
      for (const [more, hooks] of [
        [
          { withoutData: 'deadLetter', key: ['enrichmentData.DeviceID', 'payload.device'], withoutKey: 'drop' },
          undefined,
        ],
        [{ output: { topicId: output, orderingKey: 'payload.n' } }, undefined],
        [
          { withoutKey: 'deadLetter' },
          `export const keyExtractor = async ({ id, attributes }) => { if (id === 'b') throw new Error('b'); return attributes.uid; };
           export const applier = (data, { attributes }) => attributes.mark.endsWith('3') ? drop : { ...data, by: attributes.mark };`,
        ],
      ] as const) {
        const started = await start(
          {
            ...{
              service: 'enrich',
              source: { subscriptionId: input },
              lookup: { memory: {}, firestore: { collection } },
            },
            ...{ output: { topicId: output }, deadLetters: { topicId: dead }, ...more },
          },
          hooks,
        );
        const isBefore = new Set([...published, ...given]);
        const isNow = (message: Message) => !isBefore.has(message);
        // The key comes from the explanation, its data from the test.
        const looked = await Promise.all(
          arrivals.map(async (arrival) => {
            const { lookup } = await explain(started.pipeline, arrival);
            return { ...arrival, lookup: withData(lookup?.key) ? document : null };
          }),
        );
        const send = publishTo(input);
        const ends = await compare(
          started,
          looked,
          send,
          () =>
            new Map([
              ...published.filter(isNow).map((message) => [markOf(message), publishedEnd(message)] as const),
              ...given.filter(isNow).map((message) => [markOf(message), deadEnd(message)] as const),
            ]),
          markOf,
        );
        assert.ok(reasons(ends).includes('undecodable') && reasons(ends).includes('taken'), String(reasons(ends)));
        await started.service.shutdown(2_000);
      }
    },
    TIMEOUT_MS,
  );

  test(
    'icestore: batch keys and archive lines',
    async () => {
      const [input, dead] = await newTopics(pubsub, 'explained-in', 'explained-dead');
      const given = collectMessages(scope, pubsub, dead);
      const bucket = `explained-${randomBytes(4).toString('hex')}`;
      const started = await start({
        ...{
          service: 'icestore',
          source: { subscriptionId: input },
          bucket: { name: bucket, create: true },
        },
        archive: { maxAgeMs: 50, location: ['enrichmentData.location', 'payload.site'], acceptTestTime: true },
        deadLetters: { topicId: dead },
      });
      const ends = await compare(
        started,
        atSubscription(),
        publishTo(input),
        async () => {
          const lines = await readLines({ projectId: sandbox.projectId, bucket });
          return new Map([
            ...lines.map(
              (line) => [line.attributes.mark ?? '', { line: withoutArchivedAt(JSON.stringify(line)) }] as const,
            ),
            ...given.map((message) => [markOf(message), deadEnd(message)] as const),
          ]);
        },
        markOf,
      );
      assert.equal(reasons(ends), ['rejected', 'taken', 'undecodable']);
    },
    TIMEOUT_MS,
  );

  test(
    'bigqueries: rows, and who refuses them',
    async () => {
      const [input, dead] = await newTopics(pubsub, 'explained-in', 'explained-dead');
      const given = collectMessages(scope, pubsub, dead);
      const datasetId = `explained_${randomBytes(4).toString('hex')}`;
      const started = await start({
        ...{
          service: 'bigqueries',
          source: { subscriptionId: input },
          insert: { maxDelayMs: 20 },
          deadLetters: { topicId: dead },
        },
        table: {
          ...{ datasetId, tableId: 'rows', create: true },
          schema: [
            { name: 'mark', type: 'STRING', mode: 'REQUIRED', from: 'attributes.mark' },
            { name: 'n', type: 'INT64' },
            { name: 'f', type: 'FLOAT64', onError: 'null' },
            { name: 'd', type: 'NUMERIC', onError: 'null' },
            { name: 'at', type: 'TIMESTAMP' },
            { name: 'b', type: 'BOOL' },
            { name: 'what', type: 'STRING' },
            { name: 'tree', type: 'RECORD', fields: [{ name: 'x', type: 'FLOAT64' }] },
            { name: 'list', type: 'STRING', mode: 'REPEATED', onError: 'null' },
          ],
        },
      });
      const bigquery = createBigQueryClient({ projectId: sandbox.projectId });
      const ends = await compare(
        started,
        atSubscription(),
        publishTo(input),
        async () => {
          const [rows] = await bigquery.query(`SELECT mark, what FROM ${datasetId}.rows`);
          return new Map<string, End>([
            ...rows.map(
              ({ mark, what }: { mark: string; what: string | null }) =>
                [mark, { mark, what: what ?? undefined }] as const,
            ),
            ...given.map((message) => [markOf(message), deadEnd(message)] as const),
          ]);
        },
        markOf,
      );
      assert.equal(reasons(ends), ['rejected', 'taken', 'undecodable']);
    },
    TIMEOUT_MS,
  );
});
