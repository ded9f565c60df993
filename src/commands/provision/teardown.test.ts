import { randomBytes } from 'node:crypto';
import { BigQuery } from '@google-cloud/bigquery';
import { PubSub } from '@google-cloud/pubsub';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';
import * as assert from 'uvu/assert';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { outcomes, PIPELINES, runProvision, stepOf } from '../../testing/provision-cli.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { namedResources, type RunResources } from '../../tools/demo/run-resources.ts';

suite('teardown', ({ test, before, beforeEach, after }) => {
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

  test('deletes only resources that provision created', async () => {
    await pubsub.createTopic(run.topics.raw);
    await storage.createBucket(run.bucket);
    await bigquery.createDataset(run.dataset);
    const ran = await runProvision(env, 'teardown', ...PIPELINES, '--with-data', '--json');
    assert.is(ran.code, 0, 'resources of others are not a failure');
    for (const [kind, name] of [
      ['topic', run.topics.raw],
      ['bucket', run.bucket],
      ['dataset', run.dataset],
    ] as const) {
      assert.is(stepOf(ran, kind, name)?.outcome, 'not ours', kind);
    }
    assert.is((await storage.bucket(run.bucket).exists())[0], true);
    // Another owner's resources: not ours for any of these pipelines.
    const other = { ...env, ...namedResources(randomBytes(4).toString('hex'), sandbox.projectId).env };
    await runProvision(other, 'provision', ...PIPELINES);
    const foreign = await runProvision({ ...other, RESOURCE_OWNER: 'somebody' }, 'teardown', ...PIPELINES, '--json');
    assert.equal(outcomes(foreign), ['not ours']);
  });

  test('keeps shared resources, and those with data unless requested', async () => {
    await runProvision(env, 'provision', ...PIPELINES);
    await pubsub.topic(run.topics.raw).createSubscription(`mine-${run.runId}`);
    await pubsub.topic(run.topics.raw).publishMessage({ data: Buffer.from('{}') });
    await storage.bucket(run.bucket).file('raw/a').save('a');
    await bigquery.dataset(run.dataset).createTable('mine', { schema: 'a:STRING' });
    await bigquery
      .dataset(run.dataset)
      .table(run.table)
      .insert([{ message_id: 'a', received_at: '2026-01-01T00:00:00Z' }]);

    const careful = await runProvision(env, 'teardown', ...PIPELINES, '--json');
    assert.is(careful.code, 1);
    const kept = (kind: string, part: string) => stepOf(careful, kind, part)?.detail ?? '';
    assert.match(kept('table', run.table), 'holds rows; --with-data');
    assert.match(kept('dataset', run.dataset), 'still has the tables');
    assert.match(kept('bucket', run.bucket), 'holds objects; --with-data');
    assert.match(kept('subscription', 'raw-enrich'), 'holds messages; --with-data');
    assert.match(kept('topic', run.topics.raw), `mine-${run.runId}`);
    assert.is((await storage.bucket(run.bucket).getFiles())[0].length, 1);

    const thorough = await runProvision(env, 'teardown', ...PIPELINES, '--with-data', '--json');
    assert.is(thorough.code, 1, 'what others use stays all the same');
    assert.is(stepOf(thorough, 'table', run.table)?.outcome, 'deleted');
    assert.is(stepOf(thorough, 'bucket', run.bucket)?.outcome, 'deleted');
    assert.is(stepOf(thorough, 'dataset', run.dataset)?.outcome, 'kept');
    assert.is(stepOf(thorough, 'topic', run.topics.raw)?.outcome, 'kept');
    assert.is((await pubsub.subscription(`mine-${run.runId}`).exists())[0], true);
  });
});
