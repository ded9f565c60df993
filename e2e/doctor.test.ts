import { randomBytes } from 'node:crypto';
import { Firestore } from '@google-cloud/firestore';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import { freePort } from '../src/sandbox/free-port.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { loadPipeline } from '../src/services/pipeline.ts';
import { hasOpenssl, makeCertificates } from '../src/testing/certificates.ts';
import { lastJson, runCli } from '../src/testing/cli.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { PIPELINES, runProvision } from '../src/testing/provision-cli.ts';
import { hasRedis, startRedisServer } from '../src/testing/redis-server.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { startScriptedBroker } from '../src/testing/scripted-broker.ts';
import { startServers } from '../src/testing/servers.ts';
import { startSilentServer } from '../src/testing/silent-server.ts';
import { suite } from '../src/testing/suite.ts';
import { namedResources } from '../src/tools/demo/run-resources.ts';
import { diagnose } from '../src/tools/doctor/diagnose.ts';
import type { Finding } from '../src/tools/doctor/finding.ts';

const TIMEOUT_MS = 60_000;

suite('doctor', (it) => {
  const { test, skip, before, afterEach } = it;
  const whole = suiteScope(it);
  const scope = testScope(it);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(whole, { parts: ['mqtt', 'pubsub', 'firestore', 'storage', 'bigquery'] }));
    pubsub = whole.use(new PubSub({ projectId: sandbox.projectId }));
  });
  afterEach(() => sandbox.settings.change({ deny: [] }));

  /** Names of a test's own. */
  const names = () => `doctor-${randomBytes(4).toString('hex')}`;
  const common = (deadLetters = 'd') => ({
    google: { projectId: sandbox.projectId },
    deadLetters: { topicId: deadLetters },
  });
  const examine = async (config: object, options: { timeLimitMs?: number; now?: () => number } = {}) =>
    diagnose(await loadPipeline(pipelineFolder(scope).pipeline(config)), { timeLimitMs: 8_000, ...options });
  /** Findings about a part, of one severity. */
  const about = (findings: readonly Finding[], part: string, severity: Finding['severity']) =>
    findings.filter((each) => each.part === part && each.severity === severity);
  const words = (findings: readonly Finding[]) => findings.map(({ what, remedy }) => `${what} → ${remedy}`).join('\n');

  test(
    'names what is missing and the command that creates it; nothing is wrong once that has run',
    async () => {
      const run = namedResources(randomBytes(4).toString('hex'), sandbox.projectId);
      const env = { ...sandbox.env, ...run.env, REDIS_URL: 'redis://127.0.0.1:1' };
      const all = () =>
        Promise.all(PIPELINES.map(async (path) => diagnose(await loadPipeline(path, env), { timeLimitMs: 8_000 })));
      const missing = await runCli(['doctor', PIPELINES[1] ?? '', '--json'], { env });
      assert.is(missing.code, 1, missing.output);
      const enrich: Finding[] = lastJson(missing).findings;
      const [ingestion] = await all();
      const raw = about(ingestion ?? [], `topic ${run.topics.raw}`, 'error');
      assert.match(words(raw), `topics/${run.topics.raw} does not exist (producers.raw.outputTopicId)`);
      assert.match(words(raw), /→ npm run cli -- provision .*ingestion/);
      // Declared by a pipeline beside it.
      const dead = about(enrich, `topic ${run.topics.deadLetters}`, 'error');
      assert.match(words(dead), /→ npm run cli -- provision .*ingestion/);
      const redis = about(enrich, 'redis (cache)', 'warning');
      assert.match(words(redis), /cannot be reached: .*ECONNREFUSED.*; lookups continue without it/);

      const provisioned = await runProvision(env, 'provision', ...PIPELINES);
      assert.is(provisioned.code, 0, provisioned.output);
      const firestore = new Firestore({ projectId: sandbox.projectId });
      scope.defer(() => firestore.terminate());
      await firestore.collection(run.collection).doc('d1').set({ ClientID: 'c1' });
      const there = await all();
      assert.equal(
        there.flat().filter(({ severity }) => severity === 'error'),
        [],
      );
      const [, found] = there;
      assert.match(words(about(found ?? [], `collection ${run.collection}`, 'ok')), 'has documents');

      const text = await runCli(['doctor', PIPELINES[3] ?? ''], { env });
      assert.match(text.stdout, /^ok +table \S+ +exists, with the 12 columns of table\.schema$/m);
      assert.is(text.code, 0, text.output);
      assert.match(text.output, /^0 errors, /m);
    },
    TIMEOUT_MS,
  );

  test('names the role for each permission that is denied', async () => {
    const name = names();
    await pubsub.createTopic(name);
    await pubsub.topic(name).createSubscription(name);
    await createStorageClient({ projectId: sandbox.projectId }).createBucket(name);
    const icestore = {
      ...{ service: 'icestore', ...common(name), source: { subscriptionId: name }, bucket: { name } },
    };
    const dataset = name.replaceAll('-', '_');
    const bigquery = createBigQueryClient({ projectId: sandbox.projectId });
    await bigquery.createDataset(dataset);
    await bigquery.dataset(dataset).createTable('t', { schema: { fields: [{ name: 'n', type: 'INT64' }] } });
    const bigqueries = {
      ...{ service: 'bigqueries', ...common(name), source: { subscriptionId: name } },
      table: { datasetId: dataset, tableId: 't', schema: [{ name: 'n', type: 'INT64' }] },
    };
    const enrich = {
      ...{ service: 'enrich', ...common(name), source: { subscriptionId: name }, output: { topicId: name } },
      lookup: { firestore: { collection: 'c' } },
    };
    const remediesOf = (findings: readonly Finding[]) =>
      findings.filter(({ severity }) => severity === 'error').map(({ part, remedy }) => [part, remedy]);
    sandbox.settings.change({
      deny: [
        ...['pubsub.topics.publish', 'pubsub.subscriptions.consume', 'storage.objects.create', 'datastore.entities.*'],
        ...['bigquery.tables.updateData'],
      ],
    });
    assert.equal(remediesOf(await examine(icestore)), [
      [`subscription ${name}`, 'roles/pubsub.subscriber'],
      [`bucket ${name}`, 'roles/storage.objectCreator'],
      [`topic ${name}`, 'roles/pubsub.publisher'],
    ]);
    assert.equal(remediesOf(await examine(bigqueries)), [
      [`subscription ${name}`, 'roles/pubsub.subscriber'],
      [`table ${dataset}.t`, 'roles/bigquery.dataEditor'],
      [`topic ${name}`, 'roles/pubsub.publisher'],
    ]);
    assert.equal(remediesOf(await examine(enrich)), [
      [`subscription ${name}`, 'roles/pubsub.subscriber'],
      [`topic ${name}`, 'roles/pubsub.publisher'],
      ['collection c', 'roles/datastore.viewer'],
      [`topic ${name}`, 'roles/pubsub.publisher'],
    ]);
    // Services do without the right to look.
    sandbox.settings.change({
      deny: [
        'pubsub.topics.get',
        'pubsub.subscriptions.get',
        'storage.buckets.get',
        'bigquery.*.get',
        'storage.objects.get',
      ],
    });
    for (const config of [icestore, bigqueries]) {
      const findings = await examine(config);
      assert.equal(remediesOf(findings), []);
      const notes = findings.filter(({ severity }) => severity === 'note').map(({ what }) => what);
      assert.ok(
        notes.some((what) => what.includes('pubsub.subscriptions.get is denied')),
        notes.join('\n'),
      );
    }
    sandbox.settings.change({ deny: ['datastore.entities.list', 'pubsub.topics.get'] });
    const unlisted = await examine(enrich);
    assert.equal(remediesOf(unlisted), []);
    assert.match(words(about(unlisted, 'collection c', 'note')), 'datastore.entities.list is denied');
    sandbox.settings.change({ deny: ['TestIamPermissions', 'storage.buckets.testIamPermissions'] });
    assert.equal(remediesOf(await examine(icestore)), []);
  });

  test('reads the settings of subscriptions, and who reads dead letters', async () => {
    const name = names();
    const [raw, dead, other] = [`${name}-raw`, `${name}-dead`, `${name}-other`];
    for (const topic of [raw, dead, other]) await pubsub.createTopic(topic);
    const short = await pubsub.topic(raw).createSubscription(`${name}-short`, {
      messageRetentionDuration: { seconds: 3_600 },
      expirationPolicy: { ttl: { seconds: 31 * 86_400 } },
      deadLetterPolicy: { deadLetterTopic: `projects/${sandbox.projectId}/topics/${other}`, maxDeliveryAttempts: 5 },
    });
    assert.ok(short);
    const config = (subscriptionId: string) => ({
      ...{ service: 'enrich', ...common(), source: { subscriptionId }, output: { topicId: other } },
      deadLetters: { topicId: dead, maxAttempts: 6 },
      lookup: { firestore: { collection: 'c' } },
      resources: { subscriptions: [{ subscriptionId, topicId: raw, ordering: true }] },
    });
    const findings = await examine(config(`${name}-short`));
    const warnings = words(about(findings, `subscription ${name}-short`, 'warning'));
    assert.match(warnings, 'message ordering is off');
    assert.match(warnings, 'keeps messages for 1 h');
    assert.match(warnings, `→ gcloud pubsub subscriptions update ${name}-short --message-retention-duration=7d`);
    assert.match(warnings, 'expires after 31 days');
    assert.match(warnings, 'after 5 deliveries Pub/Sub sends a message to');
    assert.match(warnings, 'has no retry policy');
    assert.match(warnings, 'ordering is false, declared true (resources.subscriptions)');
    assert.match(words(about(findings, `topic ${dead}`, 'error')), 'no subscription receives from it');
    assert.match(words(about(findings, `topic ${other}`, 'warning')), 'no subscription receives from it');

    await pubsub.topic(other).createSubscription(`${name}-wrong`);
    const wrong = await examine(config(`${name}-wrong`));
    assert.match(
      words(about(wrong, `subscription ${name}-wrong`, 'error')),
      `receives from projects/${sandbox.projectId}/topics/${other}`,
    );
    await pubsub.topic(raw).delete();
    const deleted = await examine(config(`${name}-short`));
    assert.match(words(about(deleted, `subscription ${name}-short`, 'error')), 'its topic was deleted');
  });

  test('compares the table, and the clock', async () => {
    const name = names();
    await pubsub.createTopic(name);
    await pubsub.topic(name).createSubscription(name);
    const datasetId = name.replaceAll('-', '_');
    const bigquery = createBigQueryClient({ projectId: sandbox.projectId });
    await bigquery.createDataset(datasetId);
    const config = (tableId: string) => ({
      ...{ service: 'bigqueries', ...common(name), source: { subscriptionId: name } },
      table: {
        datasetId,
        tableId,
        schema: [
          { name: 'n', type: 'INT64' },
          { name: 'at', type: 'TIMESTAMP' },
        ],
      },
    });
    const schema = {
      fields: [
        { name: 'n', type: 'STRING' },
        { name: 'must', type: 'STRING', mode: 'REQUIRED' },
      ],
    };
    await bigquery.dataset(datasetId).createTable('t', { schema });
    const hour = 3_600_000;
    const findings = await examine(config('t'), { now: () => Date.now() - hour });
    assert.equal(
      about(findings, `table ${datasetId}.t`, 'error').map(({ what }) => what),
      [
        'n has the type STRING in the table, but is configured as INT64',
        'at is missing in the table (configured as TIMESTAMP)',
        'must is REQUIRED in the table, but missing in table.schema',
      ],
    );
    assert.match(words(about(findings, 'clock', 'error')), /is 3[56]\d\d\.\d s behind that of http/);
    const missing = await examine(config('nowhere'));
    assert.match(
      words(about(missing, `table ${datasetId}.nowhere`, 'error')),
      /does not exist .* → declare it under resources\.tables/,
    );
    assert.match(words(about(missing, 'clock', 'ok')), 'agrees');
  });

  test(
    'an unreachable server hides nothing of the others, and takes no longer than its limit',
    async () => {
      const silent = scope.use(await startSilentServer());
      const name = names();
      await pubsub.createTopic(name);
      await pubsub.topic(name).createSubscription(name);
      const pipeline = pipelineFolder(scope).pipeline({
        ...{ service: 'ingestion', ...common(name), producers: { raw: { outputTopicId: name } } },
        mqtt: { url: `mqtt://127.0.0.1:${silent.port}`, clientId: 'c' },
        routes: { all: { source: { mqtt_topic: '#', qos: 1 }, destination: { route_name: 'raw' } } },
      });
      const started = performance.now();
      const ended = await runCli(['doctor', pipeline, '--json', '--time-limit', '5s'], { env: sandbox.env });
      assert.ok(performance.now() - started < 30_000);
      assert.is(ended.code, 1, ended.output);
      const { findings, counts } = lastJson(ended);
      assert.equal(counts.error, 1);
      const [error] = findings.filter(({ severity }: Finding) => severity === 'error');
      assert.equal(error, {
        part: `broker mqtt://127.0.0.1:${silent.port}`,
        severity: 'error',
        what: 'cannot be reached: no answer within 5 s',
      });
      assert.match(words(about(findings, `topic ${name}`, 'ok')), 'exists');

      const down = { ...sandbox.env, PUBSUB_EMULATOR_HOST: `127.0.0.1:${silent.port}` };
      const cut = await runCli(['doctor', pipeline, '--json', '--time-limit', '5s'], { env: down });
      assert.is(cut.code, 1, cut.output);
      const parts = lastJson(cut).findings.filter(({ severity }: Finding) => severity === 'error');
      assert.equal(parts.length, 3, 'the broker, and the topic of readings and dead letters');
      const refused = await runCli(['doctor', 'nowhere']);
      assert.is(refused.code, 2, refused.output);
    },
    TIMEOUT_MS,
  );

  test(
    'names the ways to give credentials where there are none',
    async () => {
      const path = pipelineFolder(scope).pipeline({
        ...{ service: 'icestore', ...common(), source: { subscriptionId: 's' }, bucket: { name: 'bucket-of-nobody' } },
      });
      const emulators = ['PUBSUB', 'STORAGE', 'BIGQUERY', 'FIRESTORE'].map((name) => [`${name}_EMULATOR_HOST`, '']);
      const env = { ...Object.fromEntries(emulators), METADATA_SERVER_DETECTION: 'none', HOME: '/nonexistent' };
      const { code, output } = await runCli(['doctor', path, '--time-limit', '3s'], { env });
      assert.is(code, 1, output);
      assert.match(output, /^error +credentials +Application Default Credentials cannot be used.*google\.keyFilename/m);
    },
    TIMEOUT_MS,
  );

  const ingestion = (name: string, mqtt: object) => ({
    ...{ service: 'ingestion', ...common(name), producers: { raw: { outputTopicId: name } } },
    mqtt: { clientId: name, ...mqtt },
    routes: { all: { source: { mqtt_topic: 'a/+', qos: 1 }, destination: { route_name: 'raw' } } },
  });

  test('says that a broker wants another version of MQTT', async () => {
    const findings = await examine(ingestion(names(), { url: sandbox.env.MQTT_URL, protocolVersion: 5 }));
    const [error] = findings.filter(({ part, severity }) => part.startsWith('broker') && severity === 'error');
    assert.ok(error, words(findings));
    assert.match(error.what, 'the broker may require 4 (MQTT 3.1.1)');
  });

  test('names what a broker of MQTT 5 does not offer', async () => {
    const properties = {
      ...{ sharedSubscriptionAvailable: false, wildcardSubscriptionAvailable: false, retainAvailable: false },
      ...{ sessionExpiryInterval: 60, maximumQoS: 0, receiveMaximum: 20, subscriptionIdentifiersAvailable: false },
    };
    const broker = scope.use(await startScriptedBroker({ connack: () => ({ properties }) }));
    const name = names();
    const findings = await examine(ingestion(name, { url: broker.url, shareGroup: 'g', retained: 'new' }));
    const part = findings.find(({ part }) => part.startsWith('broker'))?.part ?? '';
    assert.equal(
      about(findings, part, 'error').map(({ what }) => what),
      [
        'has no shared subscriptions',
        'takes no filters with + and #',
        'delivers at QoS 0 only: messages are lost when a connection is',
      ],
    );
    assert.match(words(about(findings, part, 'warning')), 'keeps a session for 60 s at most');
    assert.match(
      words(about(findings, part, 'ok')),
      'Receive Maximum 20, Maximum Packet Size no limit, QoS 0, sessions of 60 s; available: nothing',
    );
    // A session of its own, and none that stays: a running service keeps its own.
    assert.match(broker.connections[0]?.connect.clientId ?? '', new RegExp(`^${name}-doctor-`));
    assert.equal(broker.connections[0]?.of('subscribe'), []);
  });

  if (findMosquitto() === undefined) skip('reads the limits of a broker', 'mosquitto is not installed');
  else {
    test('reads the limits of a broker, and leaves a running session alone', async () => {
      const lines = ['max_packet_size 100000', 'max_keepalive 30', 'persistent_client_expiration 1h'];
      const { url } = scope.use(await startMosquitto(lines));
      const findings = await examine(ingestion(names(), { url, maxPayloadBytes: 200_000 }));
      const broker = findings.filter(({ part }) => part.startsWith('broker'));
      assert.match(words(broker), 'Maximum Packet Size 100000 bytes');
      assert.match(words(broker), 'takes no packet above 100000 bytes');
      assert.match(words(broker), 'sets the keepalive to 30 s (mqtt.keepAliveSeconds is 60)');
      const refused = await examine(ingestion(names(), { url: url.replace('mqtt:', 'mqtts:') }));
      assert.match(words(refused.filter(({ part }) => part.startsWith('broker'))), 'as on a port without TLS');
    });
  }

  if (findMosquitto() === undefined || !hasOpenssl()) {
    skip('names certificates that expire soon', 'mosquitto or openssl is not installed');
  } else {
    test('names certificates that expire soon', async () => {
      const { caFile, server, client } = makeCertificates(pipelineFolder(scope).path);
      const port = await freePort();
      const { certFile, keyFile } = server;
      const files = [`cafile ${caFile}`, `certfile ${certFile}`, `keyfile ${keyFile}`, 'require_certificate true'];
      scope.use(await startMosquitto([`listener ${port} 127.0.0.1`, ...files]));
      const mqtt = { url: `mqtts://127.0.0.1:${port}`, tls: { caFile, ...client } };
      const findings = await examine(ingestion(names(), mqtt));
      const warnings = words(about(findings, `broker mqtts://127.0.0.1:${port}`, 'warning'));
      assert.match(warnings, /the certificate of the broker expires in [01] days .* → renew it at the broker/);
      assert.match(warnings, /the client certificate expires in [01] days .* → renew mqtt\.tls\.certFile/);
    });
  }

  if (!hasRedis) skip('reads mode, memory and ACL of Redis', 'redis-server is not installed');
  else {
    test('reads mode, memory and ACL of Redis', async () => {
      const { url, admin } = await startRedisServer(scope);
      const name = names();
      const config = (lookup: object) => ({
        ...{ service: 'enrich', ...common(name), source: { subscriptionId: name }, output: { topicId: name }, lookup },
      });
      const cache = (more: object = {}) => config({ redis: { url, ...more }, firestore: { collection: 'c' } });
      const ofRedis = (findings: readonly Finding[], kind: string) =>
        findings.filter(({ part }) => part === `redis (${kind})`);
      const first = ofRedis(await examine(cache()), 'cache');
      assert.match(words(about(first, 'redis (cache)', 'warning')), 'maxmemory is not set, eviction policy noeviction');
      await admin.config('SET', 'maxmemory', '100mb');
      await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await admin.acl('SETUSER', 'default', '-set');
      const second = ofRedis(await examine(cache()), 'cache');
      const warnings = words(about(second, 'redis (cache)', 'warning'));
      assert.match(warnings, /no permissions to run the 'set' command.*→ ACL SETUSER default/);
      assert.match(
        words(about(second, 'redis (cache)', 'ok')),
        'maxmemory is 104857600 bytes, eviction policy allkeys-lru',
      );
      const registry = ofRedis(await examine(config({ redis: { url, keyPrefix: 'r:' } })), 'registry');
      assert.match(words(about(registry, 'redis (registry)', 'warning')), 'devices of the registry may be evicted');
      await admin.acl('SETUSER', 'default', '-get');
      const denied = ofRedis(await examine(config({ redis: { url, keyPrefix: 'r:' } })), 'registry');
      assert.match(words(about(denied, 'redis (registry)', 'error')), 'NOPERM');
    });
  }
});
