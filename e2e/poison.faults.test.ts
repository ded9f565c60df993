import { type Message, PubSub } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import type { PoisonReason } from '../src/core/errors.ts';
import { eventually } from '../src/testing/eventually.ts';
import { receiveMessages } from '../src/testing/receive-messages.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { openService, SERVICES, type ServiceCases, type TestService } from '../src/testing/test-run.ts';
import { readLines } from './read-lines.ts';

const GOOD = sized({ full: 5_000, short: 1_000 });
const RATE = 1_500;
/** Number of each kind; all kinds together are about 5 % of the messages. */
const OF_EACH = sized({ full: 25, short: 5 });
const OF_LARGE = sized({ full: 2, short: 1 });
const TEST_TIMEOUT_MS = 150_000;
const NINE_MB = 9_000_000;
const DEPTH = 10_000;

/** The fate of a message: the reason of its dead letter, or arrival if this service accepts it. */
type Fate = PoisonReason | 'arrives';

interface Kind {
  /** The bytes from a device. */
  readonly payload: Buffer;
  /** For the services after Pub/Sub: other fields of the envelope. */
  readonly enrichmentData?: object;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Replaces the envelope. */
  readonly data?: Buffer;
  readonly count?: number;
  readonly fate: ServiceCases<Fate>;
}

const text = (value: string) => Buffer.from(value);
const nested = `${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`;
const everywhere = (fate: Fate) => ({ ingestion: fate, enrich: fate, icestore: fate, bigqueries: fate });
/** Only BigQuery reads a payload, for its columns. To the other services it is bytes. */
const onlyBigQuery = (fate: Fate) => ({ ...everywhere('arrives'), bigqueries: fate });
/** The data of a Pub/Sub message that is not an envelope; not used with MQTT. */
const noEnvelope = { ...everywhere('undecodable'), ingestion: 'arrives' } as const;

const KINDS: Readonly<Record<string, Kind>> = {
  // An empty payload is valid; columns find nothing in it.
  'empty payload': { payload: text(''), fate: onlyBigQuery('undecodable') },
  'empty data': { payload: text(''), data: text(''), fate: noEnvelope },
  // With an MQTT payload, its envelope has 12 MB. An envelope of 9 MB fits everywhere.
  '9 MB': {
    payload: text(JSON.stringify({ sequence: 1, pad: 'x'.repeat(NINE_MB * 0.74) })),
    count: OF_LARGE,
    fate: everywhere('arrives'),
  },
  '9 MB of payload': {
    payload: Buffer.alloc(NINE_MB, 'x'),
    data: Buffer.alloc(NINE_MB, 'x'),
    count: OF_LARGE,
    fate: { ...everywhere('undecodable'), ingestion: 'too_large' },
  },
  'invalid JSON': { payload: text('{"sequence":'), fate: onlyBigQuery('undecodable') },
  'invalid JSON around it': { payload: text('{'), data: text('{"id":"x","payload"'), fate: noEnvelope },
  'no base64': {
    payload: text('{}'),
    data: text('{"id":"x","payload":"***","publishTime":"2026-01-01T00:00:00Z"}'),
    fate: noEnvelope,
  },
  'nested 10,000 deep': { payload: text(`{"sequence":1,"deep":${nested}}`), fate: everywhere('arrives') },
  'nested 10,000 deep, around it': { payload: text('{}'), data: text(nested), fate: noEnvelope },
  'wrong types': { payload: text('{"sequence":"many","temperature":{}}'), fate: onlyBigQuery('rejected') },
  binary: { payload: Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3]), fate: onlyBigQuery('undecodable') },
  'not UTF-8': {
    payload: Buffer.from('{"sequence":1,"note":"B\u00fcro"}', 'latin1'),
    fate: onlyBigQuery('undecodable'),
  },
  'a list': { payload: text('[{"sequence":1}]'), fate: onlyBigQuery('undecodable') },
  'a byte order mark': { payload: text('\ufeff{"sequence":1}'), fate: everywhere('arrives') },
  'a number beyond a double': { payload: text('{"sequence":1,"temperature":1e400}'), fate: onlyBigQuery('rejected') },
  'a time beyond the calendar': {
    payload: text('{"sequence":1,"taken_at":"9999-12-31T23:59:59-01:00"}'),
    fate: onlyBigQuery('rejected'),
  },
  'a time beyond the calendar, around it': {
    payload: text('{}'),
    data: text('{"id":"x","payload":"","publishTime":"9999-12-31T23:59:59-01:00"}'),
    fate: noEnvelope,
  },
  'binary around it': { payload: Buffer.from([0]), data: Buffer.from([0xff, 0xfe, 0x00, 0x80]), fate: noEnvelope },
  // Escaped in a path; as a lookup key it cannot name a document.
  'hostile path parts': {
    payload: text('{"sequence":1}'),
    enrichmentData: { location: '../../x', DeviceID: '../../x' },
    fate: everywhere('arrives'),
  },
  '__proto__ keys': {
    payload: text('{"sequence":1,"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
    enrichmentData: JSON.parse('{"__proto__":{"polluted":true},"DeviceID":"__proto__"}'),
    fate: everywhere('arrives'),
  },
  // Pub/Sub itself refuses 101; a hundred leave no room for another.
  '100 attributes': {
    payload: text('{"sequence":1}'),
    attributes: Object.fromEntries(Array.from({ length: 99 }, (_, index) => [`a${index}`, 'v'])),
    fate: everywhere('arrives'),
  },
};

/** Marks each bad message, from the broker to every sink and dead letter. */
const topicOf = (kind: string, index: number) =>
  `sites/oslo/devices/bad ${Object.keys(KINDS).indexOf(kind)} ${index}/readings`;

interface Bad {
  readonly topic: string;
  readonly kind: Kind;
  readonly name: string;
}
const ALL: readonly Bad[] = Object.entries(KINDS).flatMap(([name, kind]) =>
  Array.from({ length: kind.count ?? OF_EACH }, (_, index) => ({ topic: topicOf(name, index), kind, name })),
);

async function publishBad({ name, resources }: TestService, mqttUrl: string): Promise<void> {
  const { projectId, topics, runId } = resources;
  if (name === 'ingestion') {
    const client = await connectAsync(mqttUrl, { clientId: `bad-${runId}` });
    for (const { topic, kind } of ALL) await client.publishAsync(topic, kind.payload, { qos: 1 });
    await client.endAsync();
    return;
  }
  const pubsub = new PubSub({ projectId });
  const topic = pubsub.topic(name === 'bigqueries' ? topics.enriched : topics.raw);
  const encode = ({ topic: mark, kind }: Bad) =>
    text(
      JSON.stringify({
        id: mark,
        payload: kind.payload.toString('base64'),
        publishTime: '2026-01-01T00:00:00Z',
        ...(kind.enrichmentData === undefined ? {} : { enrichmentData: kind.enrichmentData }),
      }),
    );
  for (const bad of ALL) {
    const attributes = { ...bad.kind.attributes, mqtt_topic: bad.topic };
    await topic.publishMessage({ data: bad.kind.data ?? encode(bad), attributes });
  }
  const tooMany = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`a${index}`, 'v']));
  const refused = await topic.publishMessage({ data: text('x'), attributes: tooMany }).catch((error) => error);
  assert.is(refused.code, 3, 'Pub/Sub itself refuses 101 attributes');
  await pubsub.close();
}

suite('poison, 5 % of the messages', (it) => {
  const { test, long, before } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole);
  });

  /** Collects what a topic receives from now on. */
  const collect = async (topicId: string): Promise<readonly Message[]> => {
    const pubsub = scope.use(new PubSub({ projectId: servers.sandbox.projectId }));
    const [subscription] = await pubsub.topic(topicId).createSubscription(`poison-${topicId}`);
    return receiveMessages(scope.use(subscription));
  };

  /** Topics of the bad messages that reached the sink. */
  const arrivedIn = async ({ name, resources }: TestService, output: readonly Message[]): Promise<string[]> => {
    const topics = async (): Promise<string[]> => {
      if (name === 'icestore') return (await readLines(resources)).map(({ attributes }) => attributes.mqtt_topic ?? '');
      if (name !== 'bigqueries') return output.map(({ attributes }) => attributes.mqtt_topic ?? '');
      const query = `SELECT topic FROM \`${resources.projectId}.${resources.dataset}.${resources.table}\``;
      const [rows] = await createBigQueryClient({ projectId: resources.projectId }).query({ query });
      return rows.map(({ topic }: { topic: string }) => topic);
    };
    return (await topics()).filter((topic) => topic.includes('/bad '));
  };

  for (const name of SERVICES) {
    const register = name === 'ingestion' || name === 'bigqueries' ? test : long;
    register(
      `${name}: each bad message has its fate, and the others arrive`,
      async () => {
        const { sandbox, mqttEnv } = servers;
        const { projectId } = sandbox;
        const tested = await openService(scope, name, { projectId, mqttUrl: mqttEnv.MQTT_URL });
        const { topics, bucket } = tested.resources;
        const deadLetters = await collect(topics.deadLetters);
        const output = await collect(name === 'ingestion' ? topics.raw : topics.enriched);
        const service = await tested.start();
        const expected = Map.groupBy(ALL, ({ kind }) => (kind.fate[name] === 'arrives' ? 'arrives' : 'deadLettered'));
        const arriving = (expected.get('arrives') ?? []).map(({ topic }) => topic);
        const deadLettered = expected.get('deadLettered') ?? [];
        const load = tested.load({ ratePerSecond: RATE, count: GOOD });
        await publishBad(tested, mqttEnv.MQTT_URL);
        assert.is(await load.done, GOOD);
        await eventually(() => assert.is(deadLetters.length, deadLettered.length, 'dead letters'), {
          deadlineMs: 60_000,
        });
        await tested.arrival(GOOD + arriving.length);
        await eventually(async () => {
          const found = await arrivedIn(tested, output);
          assert.equal(found.toSorted(), arriving.toSorted(), 'what arrives');
        });
        const byTopic = new Map(deadLetters.map(({ attributes }) => [attributes.mqtt_topic, attributes]));
        for (const { topic, kind, name: kindName } of deadLettered) {
          const deadLetter = byTopic.get(topic);
          assert.is(deadLetter?.dlq_reason, kind.fate[name], `${kindName}: ${JSON.stringify(deadLetter)}`);
          assert.is(deadLetter?.dlq_service, name);
          for (const mark of ['dlq_error', 'dlq_source', 'dlq_attempt', 'dlq_time'])
            assert.ok(deadLetter?.[mark], mark);
        }
        if (name === 'icestore') {
          const [files] = await createStorageClient({ projectId }).bucket(bucket).getFiles();
          for (const file of files) assert.match(file.name, /^raw\/\d{4}\/\d\d\/\d\d(\/[^/]+)?\/[^/]+\.jsonl\.gz$/);
        }
        const metrics = await service.scrape();
        metrics.assertLedger();
        assert.is(metrics.settled('dead_lettered'), deadLettered.length);
        await eventually(async () => assert.is((await service.ready()).status, 200));
        assert.is(await service.end(), 0, service.output.slice(-2_000));
        console.log(
          `  ${name}: ${deadLettered.length} of ${ALL.length + GOOD} in dead-letter, ${arriving.length} odd ones arrived`,
        );
      },
      TEST_TIMEOUT_MS,
    );
  }
});
