import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { PERMISSIONS, permissionsTable } from '../docs/permissions-reference.ts';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import type { ServiceName } from '../src/services/services.ts';
import { builtInPipeline, runCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { pubsubLoad } from '../src/testing/load.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { PIPELINES } from '../src/testing/provision-cli.ts';
import { publishDeadLetters } from '../src/testing/publish-dead-letters.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun, SERVICES, type TestRun } from '../src/testing/test-run.ts';

type Row = keyof typeof PERMISSIONS;

const MESSAGES = 3;
const TIMEOUT_MS = 120_000;
const LINE = {
  id: 'archived',
  batchKey: '2026/01/02',
  originalPubSubPayload: Buffer.from('{}').toString('base64'),
  attributes: { mqtt_topic: 'sites/oslo/devices/d1/readings' },
  enrichmentData: {},
};

suite('permissions of docs/permissions.md', (it) => {
  const { test, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(whole, { parts: ['mqtt', 'pubsub', 'firestore', 'storage', 'bigquery'] }));
    pubsub = whole.use(new PubSub({ projectId: sandbox.projectId }));
  });
  afterEach(() => sandbox.settings.change({ deny: [] }));

  const open = (pipelines: readonly ServiceName[]): Promise<TestRun> =>
    openRun(
      scope,
      { projectId: sandbox.projectId, mqttUrl: sandbox.env.MQTT_URL ?? '', env: { MQTT_PROTOCOL_VERSION: '4' } },
      pipelines,
    );
  /** Denies everything else while `body` runs, and fails if a permission of the row is not used. */
  const withOnly = async (row: Row, body: () => Promise<unknown>): Promise<void> => {
    const { permissions } = PERMISSIONS[row];
    sandbox.settings.change({ allow: [...permissions] });
    await body();
    assert.equal(sandbox.settings.permissions.used, permissions, `${row}: sorted, and none too many`);
    sandbox.settings.change({ deny: [] });
  };
  const succeeds = async (run: Pick<TestRun, 'env'>, ...args: string[]): Promise<void> => {
    const { code, output } = await runCli(args, { env: run.env });
    assert.is(code, 0, `${args.join(' ')}:\n${output}`);
  };

  test('the table on the page is the tested one', () => {
    const page = readFileSync(join(import.meta.dirname, '../docs/permissions.md'), 'utf8');
    assert.ok(page.includes(permissionsTable()), 'docs/permissions-reference.ts writes the table');
  });

  for (const name of SERVICES) {
    test(
      `run ${name}: messages are delivered`,
      async () => {
        const run = await open([...new Set<ServiceName>(['ingestion', 'enrich', name])]);
        const { projectId, topics } = run.resources;
        const topicId = name === 'bigqueries' ? topics.enriched : topics.raw;
        const rate = { ratePerSecond: 100, count: MESSAGES };
        if (name !== 'ingestion') {
          await pubsubLoad(run.fleet, { projectId, topicId }, { ...rate, ordered: true }).done;
          await pubsub.topic(topicId).publishMessage({ data: Buffer.from('not an envelope') });
        }
        await withOnly(name, async () => {
          const service = await run.start(name);
          if (name === 'ingestion') await run.load(rate).done;
          await eventually(async () => assert.is((await service.scrape()).settled('acked'), MESSAGES));
          const poisoned = name === 'ingestion' ? 0 : 1;
          await eventually(async () => assert.is((await service.scrape()).settled('dead_lettered'), poisoned));
          assert.is(await service.end(), 0, service.output);
        });
      },
      TIMEOUT_MS,
    );
  }

  test(
    'provision, doctor and teardown',
    async () => {
      const run = await open(SERVICES);
      await succeeds(run, 'teardown', ...PIPELINES);
      await withOnly('provision', () => succeeds(run, 'provision', ...PIPELINES));
      await withOnly('doctor', async () => {
        // They also report each missing permission of the service.
        for (const pipeline of PIPELINES) await runCli(['doctor', pipeline], { env: run.env });
      });
      await createStorageClient({ projectId: sandbox.projectId })
        .bucket(run.resources.bucket)
        .file('raw/x')
        .save('x', { resumable: false });
      await withOnly('teardown', () => succeeds(run, 'teardown', '--with-data', ...PIPELINES));
    },
    TIMEOUT_MS,
  );

  test(
    'dead-letters list, and replay to the source topic',
    async () => {
      const run = await open(['ingestion', 'enrich']);
      const { topics, subscriptions } = run.resources;
      const attributes = { dlq_service: 'enrich' };
      await publishDeadLetters(pubsub, topics.deadLetters, { source: subscriptions.enrich, count: 2, attributes });
      const deadLetters = (command: string) =>
        succeeds(run, 'dead-letters', command, builtInPipeline('enrich'), '--idle-timeout', '0.1');
      await withOnly('deadLetters', async () => {
        await deadLetters('list');
        await deadLetters('summary');
      });
      await withOnly('deadLettersReplay', () => deadLetters('replay'));
    },
    TIMEOUT_MS,
  );

  test(
    'look and replay',
    async () => {
      const run = await open(SERVICES);
      const { bucket, topics, collection } = run.resources;
      const line = { ...LINE, archivedAt: new Date().toISOString(), publishTime: new Date().toISOString() };
      await createStorageClient({ projectId: sandbox.projectId })
        .bucket(bucket)
        .file('raw/2026/01/02/x.jsonl.gz')
        .save(gzipSync(`${JSON.stringify(line)}\n`), { resumable: false });
      await withOnly('lookRows', () => succeeds(run, 'look', 'rows', builtInPipeline('bigqueries')));
      await withOnly('lookArchive', () => succeeds(run, 'look', 'archive', builtInPipeline('icestore')));
      const replay = ['replay', `${bucket}/raw`, '--speed', 'max', '--to'];
      await withOnly('replayToPubSub', () => succeeds(run, ...replay, 'pubsub', '--topic', topics.raw));
      await withOnly('replayToMqtt', () => succeeds(run, ...replay, 'mqtt'));
      const enrich = pipelineFolder(scope).pipeline({
        ...{ service: 'enrich', google: { projectId: sandbox.projectId }, source: { subscriptionId: 'sub' } },
        ...{ lookup: { firestore: { collection } }, output: { topicId: topics.enriched } },
      });
      await withOnly('lookup', () => succeeds(run, 'lookup', 'get', enrich, 'd-17'));
    },
    TIMEOUT_MS,
  );
});
