import { PubSub, type Message as Received } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import { drop, type Message, RetryableError } from '../src/hooks.ts';
import { createBigQueries } from '../src/services/bigqueries/bigqueries.ts';
import { bigqueriesSchema } from '../src/services/bigqueries/config.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich } from '../src/services/enrich/enrich.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import type { Service } from '../src/services/service.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopic } from '../src/testing/new-topic.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { readLines } from './read-lines.ts';

const HOWS = ['good', 'later', 'outage', 'drop', 'rejects', 'throws', 'bare', 'number'] as const;
type How = (typeof HOWS)[number];

const howOf = (message: Message): How => JSON.parse(Buffer.from(message.payload).toString()).how;

/** A hook whose result depends on its message. */
function answering(): <T>(how: How, good: T) => T {
  let outages = 2;
  // A hook in JavaScript may return a value of another type.
  const untyped = (how: How, good: unknown): unknown => {
    switch (how) {
      case 'later':
        return Promise.resolve(good);
      case 'outage':
        if (outages === 0) return good;
        outages -= 1;
        throw new RetryableError('a server of the hook is away');
      case 'drop':
        return drop;
      case 'rejects':
        return Promise.reject(new Error('rejected'));
      case 'throws':
        throw new TypeError('thrown');
      case 'bare':
        throw Object.create(null);
      case 'number':
        return 42;
      default:
        return good;
    }
  };
  return untyped as <T>(how: How, good: T) => T;
}

/** An unhandled rejection, or an uncaught error, fails this file. */
suite('hooks that fail, wait and filter', (it) => {
  const { test, before } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  let pubsub: PubSub;
  before(async () => {
    servers = await startServers(whole, { parts: ['mqtt', 'pubsub', 'storage', 'bigquery', 'firestore'] });
    pubsub = whole.use(new PubSub({ projectId: servers.sandbox.projectId }));
  });

  const open = async (name: string) => {
    const { projectId } = servers.sandbox;
    const input = await newTopic(pubsub, `${name}-in`);
    const output = await newTopic(pubsub, `${name}-out`);
    const dead = await newTopic(pubsub, `${name}-dead`);
    const deadLetters = collectMessages(scope, pubsub, dead);
    const config = {
      service: name,
      google: { projectId },
      http: { host: '127.0.0.1', port: 0 },
      log: { level: 'silent' },
      source: { subscriptionId: input },
      input: 'raw',
      deadLetters: { topicId: dead },
    };
    const publishAll = async () => {
      for (const how of HOWS) await pubsub.topic(input).publishMessage({ data: Buffer.from(JSON.stringify({ how })) });
    };
    return { projectId, output, deadLetters, config, publishAll };
  };
  const start = async <T>(service: Service<T>) => {
    scope.defer(() => service.shutdown(1_000));
    await service.start();
    await service.ready;
    return service;
  };
  const assertDeadLetters = async (hook: string, deadLetters: readonly Received[], hows: readonly How[]) => {
    await eventually(() => assert.is(deadLetters.length, hows.length));
    const found = deadLetters.map(({ data, attributes }) => {
      assert.is(attributes.dlq_reason, 'hook_failed');
      assert.match(attributes.dlq_error ?? '', new RegExp(`^the ${hook} `));
      return JSON.parse(data.toString()).how;
    });
    assert.equal(found.sort(), [...hows].sort());
  };
  const FAIL: readonly How[] = ['rejects', 'throws', 'bare', 'number'];
  const PASS: readonly How[] = ['good', 'later', 'outage'];

  test('ingestion: an enricher may be asynchronous', async () => {
    const { config, output, deadLetters } = await open('ingestion');
    const { source: _, input: __, ...common } = config;
    const received = collectMessages(scope, pubsub, output);
    const answer = answering();
    const service = await start(
      createIngestion(
        v.parse(ingestionSchema, {
          ...common,
          mqtt: { url: servers.mqttEnv.MQTT_URL, clientId: 'hooks', protocolVersion: 4 },
          routes: { all: { source: { mqtt_topic: 'hooks/+', qos: 1 }, destination: { route_name: 'all' } } },
          producers: { all: { outputTopicId: output } },
        }),
        { enricher: (message, device) => answer(howOf(message), { ...device, by: 'hook' }) },
      ),
    );
    const client = await connectAsync(servers.mqttEnv.MQTT_URL);
    scope.defer(() => client.endAsync());
    for (const how of HOWS) await client.publishAsync('hooks/d1', JSON.stringify({ how }), { qos: 1 });
    await assertDeadLetters('enricher', deadLetters, FAIL);
    await eventually(() => assert.is(received.length, PASS.length));
    for (const { data } of received) assert.is(JSON.parse(data.toString()).enrichmentData.by, 'hook');
    await eventually(() => assert.equal([service.ledger.dropped, service.ledger.inFlight], [1, 0]));
    assert.ok((await fetch(`${service.url}/readyz`)).ok);
  });

  test('enrich: a key extractor may be asynchronous', async () => {
    const { config, output, deadLetters, publishAll } = await open('enrich');
    const received = collectMessages(scope, pubsub, output);
    const answer = answering();
    const service = await start(
      createEnrich(
        v.parse(enrichSchema, {
          ...config,
          key: ['attributes.none'],
          apply: { name: 'name' },
          lookup: { firestore: { collection: 'devices' } },
          withoutData: 'pass',
          output: { topicId: output },
        }),
        // Any number is a key.
        { keyExtractor: (message) => (howOf(message) === 'number' ? JSON.parse('{}') : answer(howOf(message), 'd1')) },
      ),
    );
    await publishAll();
    await assertDeadLetters('keyExtractor', deadLetters, FAIL);
    await eventually(() => assert.is(received.length, PASS.length));
    await eventually(() => assert.equal([service.ledger.dropped, service.ledger.inFlight], [1, 0]));
  });

  test('enrich: a fetcher replaces Firestore, after the caches', async () => {
    const { config, output, deadLetters, publishAll } = await open('enrich');
    const received = collectMessages(scope, pubsub, output);
    const answer = answering();
    const asked: string[] = [];
    const service = await start(
      createEnrich(
        v.parse(enrichSchema, {
          ...config,
          key: ['payload.how'],
          apply: { name: 'name' },
          lookup: { memory: {} },
          output: { topicId: output },
        }),
        {
          fetcher: (key) => {
            asked.push(key);
            const how = HOWS.find((each) => each === key);
            return how === undefined || how === 'drop' ? undefined : answer(how, { name: 'found' });
          },
        },
      ),
    );
    await publishAll();
    await assertDeadLetters('fetcher', deadLetters, FAIL);
    await eventually(() => assert.is(received.length, PASS.length + 1));
    const names = received.map(({ data }) => {
      const { payload, enrichmentData } = JSON.parse(data.toString());
      return [JSON.parse(Buffer.from(payload, 'base64').toString()).how, enrichmentData?.name];
    });
    assert.equal(Object.fromEntries(names), { good: 'found', later: 'found', outage: 'found', drop: undefined });
    assert.is(asked.filter((key) => key === 'outage').length, 3, 'asked again until it answers');
    await publishAll();
    await eventually(() => assert.is(service.ledger.received, 2 * HOWS.length));
    await eventually(() => assert.is(service.ledger.inFlight, 0));
    assert.is(asked.filter((key) => key === 'good').length, 1, 'then from memory');
    assert.is(service.probes.fetcherHit.count, PASS.length);
    await eventually(async () => assert.ok((await fetch(`${service.url}/readyz`)).ok));
  });

  test('icestore: a batch key is synchronous', async () => {
    const { config, deadLetters, publishAll, projectId } = await open('icestore');
    await createStorageClient({ projectId }).createBucket('hooks');
    const answer = answering();
    const service = await start(
      createIcestore(v.parse(icestoreSchema, { ...config, bucket: { name: 'hooks' }, archive: { maxAgeMs: 20 } }), {
        batchKey: (message) => answer(howOf(message), 'mine'),
      }),
    );
    await publishAll();
    await assertDeadLetters('batchKey', deadLetters, [...FAIL, 'later']);
    await eventually(() => assert.equal([service.ledger.dropped, service.ledger.inFlight], [1, 0]));
    assert.is((await readLines({ projectId, bucket: 'hooks' })).length, 2);
  });

  test('bigqueries: a transformer may be asynchronous', async () => {
    const { config, deadLetters, publishAll, projectId } = await open('bigqueries');
    const [dataset] = await createBigQueryClient({ projectId }).createDataset('hooks');
    const answer = answering();
    const service = await start(
      createBigQueries(
        v.parse(bigqueriesSchema, {
          ...config,
          table: { datasetId: 'hooks', tableId: 't', create: true, schema: [{ name: 'how', type: 'STRING' }] },
          insert: { maxDelayMs: 20 },
        }),
        { transformer: (message) => answer(howOf(message), { how: howOf(message) }) },
      ),
    );
    await publishAll();
    await assertDeadLetters('transformer', deadLetters, FAIL);
    await eventually(() => assert.equal([service.ledger.dropped, service.ledger.inFlight], [1, 0]));
    const [rows] = await dataset.table('t').getRows();
    assert.equal(rows.map(({ how }) => how).sort(), [...PASS].sort());
  });
});
