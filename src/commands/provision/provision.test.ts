import { randomBytes } from 'node:crypto';
import { BigQuery } from '@google-cloud/bigquery';
import { PubSub } from '@google-cloud/pubsub';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';
import * as assert from 'uvu/assert';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { startChild } from '../../testing/child.ts';
import { LAUNCH } from '../../testing/cli.ts';
import { outcomes, PIPELINES, runProvision, stepOf } from '../../testing/provision-cli.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { namedResources, type RunResources } from '../../tools/demo/run-resources.ts';

suite('provision and teardown', ({ test, before, beforeEach, after }) => {
  const scope = suiteScope({ after });
  let sandbox: Sandbox;
  let run: RunResources;
  let env: Record<string, string>;
  let pubsub: PubSub;
  let storage: Storage;
  let bigquery: BigQuery;

  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['pubsub', 'storage', 'bigquery'] }));
    const { projectId } = sandbox;
    pubsub = scope.use(new PubSub({ projectId }));
    storage = new Storage({ projectId, authClient: new PassThroughClient() });
    bigquery = new BigQuery({ projectId, authClient: new PassThroughClient() });
  });
  beforeEach(() => {
    run = namedResources(randomBytes(4).toString('hex'), sandbox.projectId);
    env = { ...sandbox.env, ...run.env };
  });

  test('create declared resources once, and delete them again', async () => {
    const dry = await runProvision(env, 'provision', ...PIPELINES, '--dry-run', '--json');
    assert.is(dry.code, 0, dry.output);
    assert.equal(outcomes(dry), ['would create']);
    assert.is((await pubsub.topic(run.topics.raw).exists())[0], false, 'a dry run changes nothing');

    const created = await runProvision(env, 'provision', ...PIPELINES, '--json');
    assert.is(created.code, 0, created.output);
    assert.equal(outcomes(created), ['created']);
    assert.is(created.steps.length, 10);
    const kinds = created.steps.map(({ kind }) => kind);
    assert.equal(kinds, [...Array(3).fill('topic'), ...Array(4).fill('subscription'), 'bucket', 'dataset', 'table']);

    const again = await runProvision(env, 'provision', ...PIPELINES, '--json');
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

    const doomed = await runProvision(env, 'teardown', ...PIPELINES, '--dry-run', '--json');
    assert.equal(outcomes(doomed), ['would delete']);
    const deleted = await runProvision(env, 'teardown', ...PIPELINES, '--json');
    assert.is(deleted.code, 0, deleted.output);
    assert.equal(outcomes(deleted), ['deleted']);
    assert.is((await pubsub.topic(run.topics.raw).exists())[0], false);
    assert.is((await storage.bucket(run.bucket).exists())[0], false);
    assert.is((await bigquery.dataset(run.dataset).exists())[0], false);
    assert.equal(outcomes(await runProvision(env, 'teardown', ...PIPELINES, '--json')), ['absent']);
  });

  test('report differences from the declaration, and change nothing', async () => {
    await pubsub.createTopic(run.topics.raw);
    await pubsub.topic(run.topics.raw).createSubscription(run.subscriptions.enrich, { ackDeadlineSeconds: 20 });
    const ran = await runProvision(env, 'provision', ...PIPELINES, '--json');
    assert.is(ran.code, 1);
    assert.is(stepOf(ran, 'topic', 'raw')?.detail, 'created by another owner');
    const differing = stepOf(ran, 'subscription', 'raw-enrich');
    assert.is(differing?.outcome, 'differs');
    assert.match(differing?.detail ?? '', 'ordering is false, declared true; ackDeadlineSeconds is 20, declared 60');
    const [{ ackDeadlineSeconds }] = await pubsub.subscription(run.subscriptions.enrich).getMetadata();
    assert.is(ackDeadlineSeconds, 20);
  });

  test('refuse invalid names before anything is created', async () => {
    const ran = await runProvision({ ...env, ARCHIVE_BUCKET: 'Archive' }, 'provision', ...PIPELINES);
    assert.is(ran.code, 2);
    assert.match(ran.output, /resources\.buckets\.0\.name: expected 3 to 63 lowercase letters.*"Archive"/);
    assert.is((await pubsub.topic(run.topics.raw).exists())[0], false);
  });

  test('continue when their output is not read', async () => {
    const command = `"${process.execPath}" "${LAUNCH}" provision ${PIPELINES.join(' ')} | head -n 1`;
    const child = await startChild('bash', ['-c', `set -o pipefail; ${command}`], { env: { ...process.env, ...env } });
    assert.is(await child.exited, 0, child.output);
    assert.equal(outcomes(await runProvision(env, 'provision', ...PIPELINES, '--json')), ['exists']);
  });

  test('name the missing topic', async () => {
    const ran = await runProvision(env, 'provision', PIPELINES[1] ?? '');
    assert.is(ran.code, 2);
    assert.match(ran.output, `topics/${run.topics.raw}`);
  });
});
