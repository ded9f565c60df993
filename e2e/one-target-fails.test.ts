import { PubSub } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import type { DeadLetterEvent } from '../src/dead-letters/sink.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import { collectIds } from '../src/testing/collect-ids.ts';
import { eventually } from '../src/testing/eventually.ts';
import { receiveMessages } from '../src/testing/receive-messages.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { Scrape } from '../src/testing/scrape.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const MESSAGES = 150;

/** Archives each site in its own place, in many small objects. */
const BY_SITE = {
  location: ['attributes.site'],
  maxAgeMs: 50,
  maxLines: 10,
  concurrency: 2,
  retry: { initialDelayMs: 50, maxDelayMs: 200 },
};

const REFUSED_PLACE = {
  server: 'storage',
  method: 'storage.objects.insert',
  resource: '*/refused/*',
  error: { code: 403, reason: 'forbidden' },
} as const;

/** Asserts that one of two targets fails until every message of the other has arrived. */
suite('one of several targets fails', (it) => {
  const { test, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  let pubsub: PubSub;
  before(async () => {
    servers = await startServers(whole, { parts: ['mqtt', 'pubsub', 'storage'] });
    pubsub = whole.use(new PubSub({ projectId: servers.sandbox.projectId }));
  });
  afterEach(() => servers.sandbox.faults.clear());

  const common = () => ({
    google: { projectId: servers.sandbox.projectId },
    http: { host: '127.0.0.1', port: 0 },
    log: { level: 'silent' },
  });
  const newTopic = async (id: string) => {
    const [topic] = await pubsub.createTopic(id);
    await topic.createSubscription(id);
  };

  /** An ingestion whose route `away/+` leads to an unreachable topic, and `healthy/+` to one that works. */
  async function openIngestion(name: string, mqtt: object, publish: object = {}) {
    const { sandbox, mqttEnv } = servers;
    const { projectId } = sandbox;
    const id = (topic: string) => `${name}-${topic}`;
    for (const topic of ['healthy', 'away', 'dead']) await newTopic(id(topic));
    const healthy = scope.use(collectIds(projectId, id('healthy')));
    const away = scope.use(collectIds(projectId, id('away')));
    const route = (topic: string) => ({
      source: { mqtt_topic: `${name}/${topic}/+`, qos: 1 },
      destination: { route_name: topic },
    });
    const producer = (topic: string) => ({ outputTopicId: id(topic), orderingKey: 'enrichmentData.DeviceID' });
    const service = createIngestion(
      v.parse(ingestionSchema, {
        ...common(),
        service: 'ingestion',
        mqtt: { url: mqttEnv.MQTT_URL, clientId: name, protocolVersion: 4, ...mqtt },
        id: 'payload.id',
        routes: { healthy: route('healthy'), away: route('away') },
        producers: { healthy: producer('healthy'), away: producer('away') },
        deadLetters: { topicId: id('dead') },
        publish: { concurrency: 4, retry: { initialDelayMs: 50, maxDelayMs: 200 }, ...publish },
      }),
    );
    scope.defer(() => service.shutdown(1_000));
    await service.start();
    await service.ready;
    const fault = sandbox.faults.add({
      server: 'pubsub',
      method: 'Publish',
      resource: `*/${id('away')}`,
      error: { code: 'UNAVAILABLE' },
    });
    const client = await connectAsync(mqttEnv.MQTT_URL);
    scope.defer(() => client.endAsync());
    const send = (topic: string, n: number) =>
      client.publishAsync(`${name}/${topic}/d${n % 20}`, JSON.stringify({ id: `${topic}-${n}` }), { qos: 1 });
    const sendAll = async (...topics: string[]) => {
      for (let n = 0; n < MESSAGES; n += 1) await Promise.all(topics.map((topic) => send(topic, n)));
    };
    const readyz = async () => {
      const response = await fetch(`${service.url}/readyz`);
      return { status: response.status, text: await response.text() };
    };
    /** PUBACKs owed and blocked, and paused connections. */
    const mqttState = async () => {
      const metrics = new Scrape(await service.telemetry.registry.metrics());
      return ['pubacks_owed', 'pubacks_blocked', 'connections_paused'].map((name) =>
        metrics.value(`dataflow_mqtt_${name}`),
      );
    };
    return { service, healthy, away, fault, sendAll, readyz, mqttState };
  }

  test('ingestion: an unreachable topic delays only its own messages, and is named', async () => {
    const { service, healthy, away, fault, sendAll, readyz, mqttState } = await openIngestion('room', {});
    await sendAll('away', 'healthy');
    await eventually(() => assert.is(healthy.ids.size, MESSAGES));
    await eventually(async () => assert.equal(await mqttState(), [2 * MESSAGES, MESSAGES, 0], 'strict order'));
    assert.is(away.ids.size, 0);
    const red = await readyz();
    assert.is(red.status, 503);
    assert.match(red.text, 'publishing to room-away fails');
    fault.remove();
    await eventually(() => assert.is(away.ids.size, MESSAGES));
    await eventually(() => assert.is(service.ledger.acked, 2 * MESSAGES));
    assert.is(away.total, MESSAGES, 'none twice');
    await eventually(async () => assert.equal(await mqttState(), [0, 0, 0]));
    await eventually(async () => assert.is((await readyz()).status, 200));
  });

  test('ingestion: messages for an unreachable topic fill one connection, and the stall names it', async () => {
    const { service, healthy, away, fault, sendAll, readyz, mqttState } = await openIngestion('full', {
      maxInFlight: 40,
    });
    await sendAll('away');
    await sendAll('healthy');
    await eventually(async () => assert.equal(await mqttState(), [40, 0, 1]));
    await eventually(async () =>
      assert.match(
        (await readyz()).text,
        /receiving is stalled: 40 of 40 messages in flight wait for full-away; mqtt\.connectionPerProducer /,
      ),
    );
    assert.is(healthy.ids.size, 0);
    const metric = await service.telemetry.registry.getSingleMetricAsString('dataflow_failing_target_messages');
    assert.match(metric, 'target="full-away",service="ingestion",pipeline="ingestion"} 40');
    fault.remove();
    await eventually(() => assert.is(service.ledger.acked, 2 * MESSAGES));
    assert.equal([healthy.ids.size, away.ids.size], [MESSAGES, MESSAGES]);
    await eventually(async () => assert.is((await readyz()).status, 200));
  });

  test('ingestion: with one connection per producer, an unreachable topic stalls no other', async () => {
    const settings = { maxInFlight: 40, connectionPerProducer: true };
    const { service, healthy, away, fault, sendAll, readyz } = await openIngestion('apart', settings);
    await sendAll('away');
    await sendAll('healthy');
    await eventually(() => assert.is(healthy.ids.size, MESSAGES));
    assert.is(away.ids.size, 0);
    // A message arrives at its topic before the response to its request.
    await eventually(() => assert.is(service.ledger.inFlight, 40));
    await eventually(async () => {
      const red = await readyz();
      assert.match(red.text, 'publishing to apart-away fails');
      assert.match(red.text, '"mqtt.away.subscriptions"');
    });
    fault.remove();
    await eventually(() => assert.is(away.ids.size, MESSAGES));
    await eventually(() => assert.is(service.ledger.acked, 2 * MESSAGES));
  });

  test('ingestion: after publish.deadLetterAfterMs, messages for an unreachable topic become dead letters', async () => {
    const publish = { deadLetterAfterMs: 1_000 };
    const { service, healthy, away, fault, sendAll, readyz } = await openIngestion(
      'late',
      { maxInFlight: 40 },
      publish,
    );
    await sendAll('away');
    await sendAll('healthy');
    await eventually(() => assert.is(service.ledger.deadLettered, MESSAGES));
    const deadLetters: DeadLetterEvent[] = [];
    const collecting = service.probes.deadLettered.subscribe((deadLetter) => deadLetters.push(deadLetter));
    scope.defer(() => collecting.unsubscribe());
    await eventually(() => assert.is(healthy.ids.size, MESSAGES));
    await eventually(() => assert.is(service.ledger.inFlight, 0));
    assert.match((await readyz()).text, 'publishing to late-away fails', 'red until it works');
    await sendAll('away');
    await eventually(() => assert.is(deadLetters.length, MESSAGES));
    assert.equal([...new Set(deadLetters.map(({ poison }) => poison.reason))], ['undelivered']);
    fault.remove();
    await sendAll('away');
    await eventually(() => assert.is(away.ids.size, MESSAGES));
    await eventually(async () => assert.is((await readyz()).status, 200));
    assert.is(service.ledger.balanced, true);
  });

  test('icestore: a refused place delays only its own objects, and is named', async () => {
    const { sandbox } = servers;
    const { projectId } = sandbox;
    for (const id of ['archive', 'archive-dead-letters']) await newTopic(id);
    const [bucket] = await createStorageClient({ projectId }).createBucket('places');
    const service = createIcestore(
      v.parse(icestoreSchema, {
        ...common(),
        service: 'icestore',
        source: { subscriptionId: 'archive' },
        input: 'raw',
        bucket: { name: bucket.name, prefix: 'raw' },
        archive: BY_SITE,
        deadLetters: { topicId: 'archive-dead-letters' },
      }),
    );
    scope.defer(() => service.shutdown());
    await service.start();
    await service.ready;
    const fault = sandbox.faults.add(REFUSED_PLACE);
    const topic = pubsub.topic('archive');
    await Promise.all(
      Array.from({ length: MESSAGES }, (_, n) =>
        Promise.all(
          ['refused', 'allowed'].map((site) =>
            topic.publishMessage({ data: Buffer.from(`${site} ${n}`), attributes: { site } }),
          ),
        ),
      ),
    );
    const placesOf = async (): Promise<string[]> =>
      (await bucket.getFiles())[0].map(({ name }) => name.split('/').at(-2) ?? '');
    await eventually(() => assert.is(service.ledger.acked, MESSAGES));
    assert.equal([...new Set(await placesOf())], ['allowed']);
    const ready = await fetch(`${service.url}/readyz`);
    assert.is(ready.status, 503);
    assert.match(await ready.text(), /uploading to places\/raw\/\d{4}\/\d\d\/\d\d\/refused fails/);
    fault.remove();
    await eventually(() => assert.is(service.ledger.acked, 2 * MESSAGES));
    assert.equal([...new Set(await placesOf())].sort(), ['allowed', 'refused']);
    await eventually(async () => assert.is((await fetch(`${service.url}/readyz`)).status, 200));
  });

  test('icestore: a refused place holds at most half of the credit, and loses nothing', async () => {
    const { sandbox } = servers;
    const { projectId } = sandbox;
    for (const id of ['backlog', 'backlog-dead-letters']) await newTopic(id);
    const [bucket] = await createStorageClient({ projectId }).createBucket('backlog');
    const fault = sandbox.faults.add(REFUSED_PLACE);
    const topic = pubsub.topic('backlog');
    const publish = (site: string) =>
      Promise.all(
        Array.from({ length: MESSAGES }, (_, n) =>
          topic.publishMessage({ data: Buffer.from(`${site} ${n}`), attributes: { site } }),
        ),
      );
    await publish('refused');
    const service = createIcestore(
      v.parse(icestoreSchema, {
        ...common(),
        service: 'icestore',
        source: { subscriptionId: 'backlog', maxInFlight: 100 },
        input: 'raw',
        bucket: { name: bucket.name, prefix: 'raw' },
        archive: BY_SITE,
        deadLetters: { topicId: 'backlog-dead-letters' },
      }),
    );
    scope.defer(() => service.shutdown());
    await service.start();
    await eventually(() => assert.ok(service.ledger.nacked > 0));
    assert.ok(service.credit.messages <= 50, `${service.credit.messages} of 100 wait for the refused place`);
    await publish('allowed');
    await eventually(() => assert.is(service.ledger.acked, MESSAGES));
    const { registry } = service.telemetry;
    assert.match(
      await registry.getSingleMetricAsString('dataflow_failing_target_messages'),
      /target="backlog\/raw\/\d{4}\/\d\d\/\d\d\/refused",service="icestore",pipeline="icestore"\} [1-5]?\d$/m,
    );
    fault.remove();
    await eventually(() => assert.is(service.ledger.acked, 2 * MESSAGES));
    assert.equal([service.ledger.deadLettered, service.ledger.expired], [0, 0]);
  });

  test('icestore: poisoned messages with an unreachable topic leave half of the credit to good ones, and none is lost', async () => {
    const { sandbox } = servers;
    const { projectId } = sandbox;
    for (const id of ['poison', 'poison-dead']) await newTopic(id);
    const deadLetters = receiveMessages(scope.use(pubsub.subscription('poison-dead')));
    await createStorageClient({ projectId }).createBucket('poison');
    const fault = sandbox.faults.add({
      server: 'pubsub',
      method: 'Publish',
      resource: '*/poison-dead',
      error: { code: 'UNAVAILABLE' },
    });
    const topic = pubsub.topic('poison');
    await Promise.all(
      Array.from({ length: MESSAGES }, (_, n) => topic.publishMessage({ data: Buffer.from(`poison ${n}`) })),
    );
    const service = createIcestore(
      v.parse(icestoreSchema, {
        ...common(),
        service: 'icestore',
        source: { subscriptionId: 'poison', maxInFlight: 100 },
        bucket: { name: 'poison' },
        archive: { maxAgeMs: 50, maxLines: 10 },
        deadLetters: { topicId: 'poison-dead' },
      }),
    );
    scope.defer(() => service.shutdown(1_000));
    await service.start();
    await eventually(() => assert.ok(service.ledger.nacked > 0));
    for (let n = 0; n < MESSAGES; n += 1) {
      const envelope = { id: `good ${n}`, payload: '', publishTime: '2026-11-28T00:00:00Z' };
      await topic.publishMessage({ data: Buffer.from(JSON.stringify(envelope)) });
    }
    await eventually(() => assert.is(service.ledger.acked, MESSAGES));
    assert.ok(service.credit.messages <= 50, `${service.credit.messages} of 100 are poisoned`);
    assert.match(await (await fetch(`${service.url}/readyz`)).text(), 'publishing to poison-dead fails');
    fault.remove();
    await eventually(() => assert.is(new Set(deadLetters.map(({ data }) => data.toString())).size, MESSAGES));
    await eventually(() => assert.is(service.ledger.inFlight, 0));
    assert.is(service.ledger.deadLettered, MESSAGES);
    await eventually(async () => assert.is((await fetch(`${service.url}/readyz`)).status, 200));
  });
});
