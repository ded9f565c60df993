// cspell:ignore Jred
import { BigQuery, type Dataset } from '@google-cloud/bigquery';
import { PassThroughClient } from 'google-auth-library';
import * as assert from 'uvu/assert';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { startChild } from '../../testing/child.ts';
import { LAUNCH, runCli, startCli } from '../../testing/cli.ts';
import { eventually } from '../../testing/eventually.ts';
import { type PipelineFolder, pipelineFolder } from '../../testing/pipeline-folder.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';

const DIGITS = '9007199254740993';
const ESCAPE = '\u001b[2J-red\u009b';
const SCHEMA = [
  { name: 'message_id', type: 'STRING' },
  { name: 'received_at', type: 'TIMESTAMP' },
  { name: 'count', type: 'INTEGER' },
  { name: 'exact', type: 'NUMERIC' },
  { name: 'payload', type: 'JSON' },
  { name: 'raw', type: 'BYTES' },
  { name: 'tags', type: 'STRING', mode: 'REPEATED' },
  { name: 'place', type: 'RECORD', fields: [{ name: 'floor', type: 'INTEGER' }] },
];

suite('look rows', (it) => {
  const { test, before } = it;
  const scope = suiteScope(it);
  let sandbox: Sandbox;
  let dataset: Dataset;
  let pipelines: PipelineFolder;
  let tables = 0;

  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['bigquery'] }));
    const bigquery = new BigQuery({ projectId: sandbox.projectId, authClient: new PassThroughClient() });
    [dataset] = await bigquery.createDataset('looked_at');
    pipelines = pipelineFolder(scope);
  });

  /** A table of its own, and the folder of a pipeline that writes to it. */
  const newTable = async (schema: object[] = SCHEMA) => {
    tables += 1;
    const id = `readings_${tables}`;
    const partitioned = schema === SCHEMA ? { timePartitioning: { type: 'DAY', field: 'received_at' } } : {};
    const [table] = await dataset.createTable(id, { schema: { fields: schema }, ...partitioned });
    return { table, pipeline: pipelineOf(id) };
  };
  const pipelineOf = (tableId: string): string =>
    pipelines.pipeline({
      service: 'bigqueries',
      google: { projectId: sandbox.projectId },
      source: { subscriptionId: 's' },
      table: { datasetId: 'looked_at', tableId, schema: [{ name: 'message_id', type: 'STRING' }] },
    });
  const now = Date.now();
  const at = (second: number): string => new Date(now + second * 1_000).toISOString();
  const idsIn = (stdout: string): string[] => Array.from(stdout.matchAll(/"message_id":"(\w+)"/g), ([, id = '']) => id);

  test('prints the newest first, as JSON with all digits', async () => {
    const { table, pipeline } = await newTable();
    await table.insert([
      { message_id: 'old', received_at: at(-5) },
      {
        message_id: 'new',
        received_at: '2026-11-28T10:00:00.123456Z',
        count: DIGITS,
        exact: '0.123456789',
        payload: `{"id":${DIGITS},"text":"\\u001b"}`,
        raw: Buffer.from([0xff]).toString('base64'),
        tags: ['a', 'b'],
        place: { floor: DIGITS },
      },
      { message_id: 'oldest', received_at: '2025-01-01T00:00:00Z' },
    ]);
    const { code, stdout, output } = await runCli(['look', 'rows', pipeline, '--json', '--limit', '2']);
    assert.is(code, 0, output);
    const lines = stdout.trimEnd().split('\n');
    assert.is(lines.length, 2);
    assert.equal(idsIn(stdout).sort(), ['new', 'old']);
    const line = lines.find((each) => each.includes('"new"')) ?? '';
    assert.is(
      line,
      `{"message_id":"new","received_at":"2026-11-28T10:00:00.123456Z","count":${DIGITS},"exact":0.123456789,"payload":{"id":${DIGITS},"text":"\\u001b"},"raw":"/w==","tags":["a","b"],"place":{"floor":${DIGITS}}}`,
    );
    const all = await runCli(['look', 'rows', pipeline, '--json']);
    assert.is(idsIn(all.stdout).at(-1), 'oldest', 'older than a day');
  });

  test('prints lines for people, without control characters', async () => {
    const { table, pipeline } = await newTable();
    const payload = JSON.stringify({ text: `${ESCAPE}é` });
    await table.insert([{ message_id: ESCAPE, received_at: at(0), count: DIGITS, payload }]);
    const { code, stdout, output } = await runCli(['look', 'rows', pipeline]);
    assert.is(code, 0, output);
    assert.match(stdout, /^message_id {3} \[2J-red \nreceived_at {2}20\S+Z\ncount {8}9007199254740993\n/);
    assert.match(stdout, /\npayload {6}\{"text":"\\u001b\[2J-red é"\}\n\n$/);
    const json = await runCli(['look', 'rows', pipeline, '--json']);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: matches control characters on purpose
    assert.not.match(stdout + json.stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    assert.is(JSON.parse(json.stdout).message_id, ESCAPE, 'JSON holds them, escaped');
  });

  test('runs a query of the user', async () => {
    const { table, pipeline } = await newTable();
    await table.insert([{ message_id: 'a' }, { message_id: 'b' }]);
    const sql = `SELECT COUNT(*) AS messages FROM ${table.id}`;
    const { code, stdout, output } = await runCli(['look', 'rows', pipeline, '--sql', sql, '--json']);
    assert.is(code, 0, output);
    assert.is(stdout, '{"messages":2}\n');
    const wrong = await runCli(['look', 'rows', pipeline, '--sql', 'SELECT nothing FROM nowhere']);
    assert.is(wrong.code, 2, wrong.output);
    assert.match(wrong.output, /nowhere/);
    const both = await runCli(['look', 'rows', pipeline, '--sql', sql, '--follow']);
    assert.is(both.code, 2);
    assert.match(both.output, /--follow: --sql is set too/);
  });

  test('follows: the newest, then each row once, late ones too, until Ctrl-C', async () => {
    const { table, pipeline } = await newTable();
    await table.insert(Array.from({ length: 30 }, (_, n) => ({ message_id: `m${n}`, received_at: at(n - 40) })));
    const looking = await startCli(['look', 'rows', pipeline, '--follow', '--json', '--limit', '3']);
    scope.defer(() => looking.end('SIGKILL'));
    await eventually(() => assert.equal(idsIn(looking.stdout), ['m27', 'm28', 'm29']));
    await table.insert([
      { message_id: 'late', received_at: at(-45) },
      { message_id: 'next', received_at: at(0) },
      { message_id: 'twin', received_at: at(1) },
      { message_id: 'twin', received_at: at(1) },
    ]);
    await eventually(() => assert.is(idsIn(looking.stdout).length, 7));
    await table.insert([{ message_id: 'last', received_at: at(2) }]);
    await eventually(() => assert.ok(idsIn(looking.stdout).includes('last')));
    assert.equal(idsIn(looking.stdout), ['m27', 'm28', 'm29', 'late', 'next', 'twin', 'twin', 'last']);
    assert.is(await looking.end('SIGINT'), 0, looking.output);
  });

  test('follows an empty table', async () => {
    const { table, pipeline } = await newTable();
    const looking = await startCli(['look', 'rows', pipeline, '--follow', '--json']);
    scope.defer(() => looking.end('SIGKILL'));
    await table.insert([{ message_id: 'first', received_at: at(0) }]);
    await eventually(() => assert.equal(idsIn(looking.stdout), ['first']));
    assert.is(await looking.end('SIGTERM'), 0, looking.output);
  });

  test('ends when nobody reads what it prints', async () => {
    const { table, pipeline } = await newTable();
    await table.insert([{ message_id: 'one', received_at: at(0) }]);
    const command = `"${process.execPath}" "${LAUNCH}" look rows ${pipeline} --follow --json | head -n 1`;
    const child = await startChild('bash', ['-c', `set -o pipefail; ${command}`]);
    scope.defer(() => child.end('SIGKILL'));
    await eventually(() => assert.match(child.stdout, /one/));
    let n = 0;
    await eventually(async () => {
      n += 1;
      await table.insert([{ message_id: `n${n}`, received_at: at(n) }]);
      const state = await Promise.race([child.exited, Promise.resolve('running')]);
      assert.is(state, 0, child.output);
    });
  });

  test('says what is missing, and what helps', async () => {
    const missing = await runCli(['look', 'rows', pipelineOf('nothing')]);
    assert.is(missing.code, 1, missing.output);
    assert.match(
      missing.output,
      /BigQuery has no table sandbox\.looked_at\.nothing; this creates it: npm run cli -- provision \S+p\d+\n/,
    );
    const unnamed = await runCli(['look', 'rows']);
    assert.is(unnamed.code, 2, unnamed.output);
    assert.match(unnamed.output, /which pipeline\?.*not set: BIGQUERY_DATASET, BIGQUERY_TABLE/);
    const ended = await runCli(['look', 'rows', pipelineOf('x')], {
      env: { BIGQUERY_EMULATOR_HOST: 'http://127.0.0.1:9' },
    });
    assert.is(ended.code, 2, ended.output);
    assert.match(ended.output, /nothing listens at 127\.0\.0\.1:9 \(BIGQUERY_EMULATOR_HOST\): start that server/);
    const unset = await runCli(['look', 'rows', pipelineOf('x')], {
      env: { BIGQUERY_EMULATOR_HOST: '', GOOGLE_APPLICATION_CREDENTIALS: '', HOME: pipelines.path },
    });
    assert.is(unset.code, 2, unset.output);
    assert.match(unset.output, /^To read from a sandbox, paste the export lines .*\nApplication Default Credentials/);
    const other = await runCli(['look', 'archive', pipelineOf('x')]);
    assert.is(other.code, 2, other.output);
    assert.match(other.output, /service: expected icestore, got bigqueries/);
    const { pipeline } = await newTable([{ name: 'message_id', type: 'STRING' }]);
    const timeless = await runCli(['look', 'rows', pipeline, '--follow']);
    assert.is(timeless.code, 2, timeless.output);
    assert.match(timeless.output, /--follow: sandbox\.looked_at\.readings_\d+ has no column of the type TIMESTAMP/);
    const empty = await runCli(['look', 'rows', pipeline]);
    assert.is(empty.code, 0, empty.output);
    assert.match(empty.output, /readings_\d+ has no rows/);
  });
});
