import { join } from 'node:path';
import { BigQuery } from '@google-cloud/bigquery';
import { PubSub } from '@google-cloud/pubsub';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';
import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { type Child, startChild } from '../src/testing/child.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suite } from '../src/testing/suite.ts';

/** Flows that fail, or keep their resources, on servers that outlive them. */
suite('a flow', ({ test, before, beforeEach, after }) => {
  let sandbox: Sandbox;
  let pubsub: PubSub;

  before(async () => {
    sandbox = await startSandbox();
    sandbox.applyEnv();
    pubsub = new PubSub({ projectId: sandbox.projectId });
  });
  after(async () => {
    await pubsub?.close();
    await sandbox?.close();
  });
  beforeEach(() => sandbox.faults.clear());

  const start = (flow: string, env: Readonly<Record<string, string>>): Promise<Child> =>
    startChild(process.execPath, [join(import.meta.dirname, `flows/${flow}.test.ts`)], {
      env: { ...process.env, ...sandbox.env, E2E_TARGET: 'emulators', ...env },
    });
  const run = async (flow: string, env: Readonly<Record<string, string>>): Promise<{ child: Child; code: unknown }> => {
    const child = await start(flow, env);
    return { child, code: await child.exited };
  };
  /** Names of all existing resources. */
  const left = async (): Promise<string[]> => {
    const google = { projectId: sandbox.projectId, authClient: new PassThroughClient() };
    const [topics] = await pubsub.getTopics();
    const [subscriptions] = await pubsub.getSubscriptions();
    const [buckets] = await new Storage(google).getBuckets();
    const [datasets] = await new BigQuery(google).getDatasets();
    return [...topics, ...subscriptions, ...buckets, ...datasets].map(({ name, id }: { name?: string; id?: string }) =>
      String(name ?? id),
    );
  };

  test('that fails names the place where messages stopped, and leaves nothing', async () => {
    sandbox.faults.add({ server: 'bigquery', method: 'tabledata.insertAll', error: { code: 503 } });
    const { child, code } = await run('bigquery', {
      E2E_STOPPED_AFTER_MS: '3000',
      DATAFLOW_SHUTDOWN__DEADLINE_MS: '1000',
    });
    assert.is(code, 1, child.output);
    assert.match(child.output, 'every row is accepted');
    assert.match(child.output, 'messages stopped before "bigqueries: settled", after "bigqueries: received"');
    assert.match(child.output, /> bigqueries: settled +0 /);
    assert.equal(await left(), []);
  });

  test('that fails before its set-up is done leaves nothing', async () => {
    sandbox.faults.add({ server: 'bigquery', method: 'tables.insert', error: { code: 403 } });
    const { child, code } = await run('bigquery', {});
    assert.is(code, 1, child.output);
    assert.match(child.output, 'resources.tables');
    assert.equal(await left(), []);
  });

  test('that is interrupted leaves nothing', async () => {
    const bigquery = new BigQuery({ projectId: sandbox.projectId, authClient: new PassThroughClient() });
    const rows = async (): Promise<number> => {
      const [[dataset]] = await bigquery.getDatasets();
      const [[table] = []] = (await dataset?.getTables()) ?? [];
      if (table === undefined) return 0;
      const [[row]] = await bigquery.query(`SELECT COUNT(*) AS n FROM \`${dataset?.id}.${table.id}\``);
      return row.n;
    };
    // The second request gets no response: the flow cannot finish before it is interrupted.
    sandbox.faults.add({ server: 'bigquery', method: 'tabledata.insertAll', skip: 1, stall: true });
    const child = await start('bigquery', { DATAFLOW_SHUTDOWN__DEADLINE_MS: '1000' });
    await eventually(async () => assert.ok((await rows()) > 0, 'it is in the middle of its work'));
    assert.is(await child.end('SIGINT'), 1, child.output);
    assert.equal(await left(), []);
  });

  test('lists the resources it would create, and creates nothing', async () => {
    const { child, code } = await run('fullflow', { E2E_DRY_RUN: '1' });
    assert.is(code, 0, child.output);
    assert.match(child.output, /topic raw-[0-9a-f]{8}/);
    assert.match(child.output, /collection devices-[0-9a-f]{8}/);
    assert.equal(await left(), []);
  });

  test('keeps its resources if requested', async () => {
    const { child, code } = await run('devflow', { E2E_KEEP: '1' });
    assert.is(code, 0, child.output);
    assert.match(child.output, /kept: topic raw-[0-9a-f]{8}/);
    const names = await left();
    assert.ok(
      names.some((name) => /raw-[0-9a-f]{8}$/.test(name)),
      names.join(),
    );
  });
});
