import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { BigQuery } from '@google-cloud/bigquery';
import { PubSub } from '@google-cloud/pubsub';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';
import * as assert from 'uvu/assert';
import { namedResources, type RunResources } from '../src/demo/run-resources.ts';
import type { Step } from '../src/provision/provision.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { startChild } from '../src/testing/child.ts';
import { hasGoogleEmulators, startGoogleEmulator } from '../src/testing/google-emulator.ts';
import { suite } from '../src/testing/suite.ts';

const ROOT = join(import.meta.dirname, '..');
const PIPELINES = ['ingestion', 'enrich', 'icestore', 'bigqueries'].map((name) => join(ROOT, 'pipelines', name));

interface Ran {
  readonly code: number | null;
  readonly output: string;
  readonly steps: readonly Step[];
}

/** Runs a command as a user does, with the pipelines' names changed by the environment. */
async function dataflow(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> {
  const child = await startChild(process.execPath, [join(ROOT, 'src/launch.mjs'), ...args], {
    env: { ...process.env, ...env },
  });
  const code = await child.exited;
  const last = child.stdout.trim().split('\n').at(-1) ?? '';
  return { code, output: child.output, steps: last.startsWith('{') ? JSON.parse(last).steps : [] };
}

const outcomes = ({ steps }: Ran): string[] => [...new Set(steps.map(({ outcome }) => outcome))].sort();
const stepOf = ({ steps }: Ran, kind: string, part: string): Step | undefined =>
  steps.find((step) => step.kind === kind && step.name.includes(part));

suite('provision and teardown', ({ test, before, beforeEach, after }) => {
  let sandbox: Sandbox;
  let run: RunResources;
  let env: Record<string, string>;
  let pubsub: PubSub;
  let storage: Storage;
  let bigquery: BigQuery;

  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub', 'storage', 'bigquery'] });
    sandbox.applyEnv();
    const { projectId } = sandbox;
    pubsub = new PubSub({ projectId });
    storage = new Storage({ projectId, authClient: new PassThroughClient() });
    bigquery = new BigQuery({ projectId, authClient: new PassThroughClient() });
  });
  after(async () => {
    await pubsub?.close();
    await sandbox?.close();
  });
  beforeEach(() => {
    run = namedResources(randomBytes(4).toString('hex'), sandbox.projectId);
    env = { ...sandbox.env, ...run.env };
  });

  test('create what pipelines declare, once, and delete it again', async () => {
    const dry = await dataflow(env, 'provision', ...PIPELINES, '--dry-run', '--json');
    assert.is(dry.code, 0, dry.output);
    assert.equal(outcomes(dry), ['would create']);
    assert.is((await pubsub.topic(run.topics.raw).exists())[0], false, 'a dry run changes nothing');

    const created = await dataflow(env, 'provision', ...PIPELINES, '--json');
    assert.is(created.code, 0, created.output);
    assert.equal(outcomes(created), ['created']);
    assert.is(created.steps.length, 10);
    const kinds = created.steps.map(({ kind }) => kind);
    assert.equal(kinds, [...Array(3).fill('topic'), ...Array(4).fill('subscription'), 'bucket', 'dataset', 'table']);

    const again = await dataflow(env, 'provision', ...PIPELINES, '--json');
    assert.is(again.code, 0, again.output);
    assert.equal(outcomes(again), ['exists']);

    const [subscription] = await pubsub.subscription(run.subscriptions.enrich).getMetadata();
    assert.is(subscription.enableMessageOrdering, true);
    assert.is(subscription.ackDeadlineSeconds, 60);
    const [bucket] = await storage.bucket(run.bucket).getMetadata();
    assert.is(bucket.lifecycle?.rule?.[0]?.condition.age, 30);
    assert.is(bucket.labels?.pipeline, `run-${run.runId}`);
    const [table] = await bigquery.dataset(run.dataset).table(run.table).getMetadata();
    assert.is(table.schema.fields.length, 12, 'the columns of the setting "table"');

    const doomed = await dataflow(env, 'teardown', ...PIPELINES, '--dry-run', '--json');
    assert.equal(outcomes(doomed), ['would delete']);
    const deleted = await dataflow(env, 'teardown', ...PIPELINES, '--json');
    assert.is(deleted.code, 0, deleted.output);
    assert.equal(outcomes(deleted), ['deleted']);
    assert.is((await pubsub.topic(run.topics.raw).exists())[0], false);
    assert.is((await storage.bucket(run.bucket).exists())[0], false);
    assert.is((await bigquery.dataset(run.dataset).exists())[0], false);
    assert.equal(outcomes(await dataflow(env, 'teardown', ...PIPELINES, '--json')), ['absent']);
  });

  test('say what is not as declared, and leave it', async () => {
    await pubsub.createTopic(run.topics.raw);
    await pubsub.topic(run.topics.raw).createSubscription(run.subscriptions.enrich, { ackDeadlineSeconds: 20 });
    const ran = await dataflow(env, 'provision', ...PIPELINES, '--json');
    assert.is(ran.code, 1);
    assert.is(stepOf(ran, 'topic', 'raw')?.detail, 'created by somebody else');
    const differing = stepOf(ran, 'subscription', 'raw-enrich');
    assert.is(differing?.outcome, 'differs');
    assert.match(differing?.detail ?? '', 'ordering is false, declared true; ackDeadlineSeconds is 20, declared 60');
    const [{ ackDeadlineSeconds }] = await pubsub.subscription(run.subscriptions.enrich).getMetadata();
    assert.is(ackDeadlineSeconds, 20);
  });

  test('delete nothing that they did not create', async () => {
    await pubsub.createTopic(run.topics.raw);
    await storage.createBucket(run.bucket);
    await bigquery.createDataset(run.dataset);
    const ran = await dataflow(env, 'teardown', ...PIPELINES, '--with-data', '--json');
    assert.is(ran.code, 0, 'what is not ours is nobody’s failure');
    for (const [kind, name] of [
      ['topic', run.topics.raw],
      ['bucket', run.bucket],
      ['dataset', run.dataset],
    ] as const) {
      assert.is(stepOf(ran, kind, name)?.outcome, 'not ours', kind);
    }
    assert.is((await storage.bucket(run.bucket).exists())[0], true);
    // Of another owner: ours to none of these pipelines.
    const other = { ...env, ...namedResources(randomBytes(4).toString('hex'), sandbox.projectId).env };
    await dataflow(other, 'provision', ...PIPELINES);
    const foreign = await dataflow({ ...other, RESOURCE_OWNER: 'somebody' }, 'teardown', ...PIPELINES, '--json');
    assert.equal(outcomes(foreign), ['not ours']);
  });

  test('keep what others use, and what holds data unless told otherwise', async () => {
    await dataflow(env, 'provision', ...PIPELINES);
    await pubsub.topic(run.topics.raw).createSubscription(`mine-${run.runId}`);
    await pubsub.topic(run.topics.raw).publishMessage({ data: Buffer.from('{}') });
    await storage.bucket(run.bucket).file('raw/a').save('a');
    await bigquery.dataset(run.dataset).createTable('mine', { schema: 'a:STRING' });
    await bigquery
      .dataset(run.dataset)
      .table(run.table)
      .insert([{ message_id: 'a', received_at: '2026-01-01T00:00:00Z' }]);

    const careful = await dataflow(env, 'teardown', ...PIPELINES, '--json');
    assert.is(careful.code, 1);
    const kept = (kind: string, part: string) => stepOf(careful, kind, part)?.detail ?? '';
    assert.match(kept('table', run.table), 'holds rows; --with-data');
    assert.match(kept('dataset', run.dataset), 'still has the tables');
    assert.match(kept('bucket', run.bucket), 'holds objects; --with-data');
    assert.match(kept('subscription', 'raw-enrich'), 'holds messages; --with-data');
    assert.match(kept('topic', run.topics.raw), `mine-${run.runId}`);
    assert.is((await storage.bucket(run.bucket).getFiles())[0].length, 1);

    const thorough = await dataflow(env, 'teardown', ...PIPELINES, '--with-data', '--json');
    assert.is(thorough.code, 1, 'what others use stays all the same');
    assert.is(stepOf(thorough, 'table', run.table)?.outcome, 'deleted');
    assert.is(stepOf(thorough, 'bucket', run.bucket)?.outcome, 'deleted');
    assert.is(stepOf(thorough, 'dataset', run.dataset)?.outcome, 'kept');
    assert.is(stepOf(thorough, 'topic', run.topics.raw)?.outcome, 'kept');
    assert.is((await pubsub.subscription(`mine-${run.runId}`).exists())[0], true);
  });

  test('refuse names that the cloud would refuse, before anything is created', async () => {
    const ran = await dataflow({ ...env, ARCHIVE_BUCKET: 'Archive' }, 'provision', ...PIPELINES);
    assert.is(ran.code, 2);
    assert.match(ran.output, /resources\.buckets\.0\.name: expected 3 to 63 small letters.*"Archive"/);
    assert.is((await pubsub.topic(run.topics.raw).exists())[0], false);
  });

  test('go on when nobody reads what they print', async () => {
    const launch = join(ROOT, 'src/launch.mjs');
    const command = `"${process.execPath}" "${launch}" provision ${PIPELINES.join(' ')} | head -n 1`;
    const child = await startChild('bash', ['-c', `set -o pipefail; ${command}`], { env: { ...process.env, ...env } });
    assert.is(await child.exited, 0, child.output);
    assert.equal(outcomes(await dataflow(env, 'provision', ...PIPELINES, '--json')), ['exists']);
  });

  test('name the topic that is missing', async () => {
    const ran = await dataflow(env, 'provision', PIPELINES[1] ?? '');
    assert.is(ran.code, 2);
    assert.match(ran.output, `topics/${run.topics.raw}`);
  });
});

suite('provision and teardown on Google’s emulator', ({ test, skip }) => {
  if (!hasGoogleEmulators()) return skip('create once, and delete', 'gcloud or java is not installed');
  test('create once, and delete', async () => {
    const emulator = await startGoogleEmulator('pubsub');
    try {
      const projectId = 'provision';
      const env = {
        ...namedResources(randomBytes(4).toString('hex'), projectId).env,
        PUBSUB_EMULATOR_HOST: emulator.host,
      };
      const pipelines = PIPELINES.slice(0, 2);
      const created = await dataflow(env, 'provision', ...pipelines, '--json');
      assert.equal([created.code, outcomes(created)], [0, ['created']], created.output);
      const again = await dataflow(env, 'provision', ...pipelines, '--json');
      assert.equal([again.code, outcomes(again)], [0, ['exists']], again.output);
      const deleted = await dataflow(env, 'teardown', ...pipelines, '--json');
      assert.equal([deleted.code, outcomes(deleted)], [0, ['deleted']], deleted.output);
    } finally {
      await emulator.close();
    }
  });
});
