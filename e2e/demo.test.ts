import { BigQuery } from '@google-cloud/bigquery';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import type { Child } from '../src/testing/child.ts';
import { runCli, startCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { exportedEnv, saidLines } from '../src/testing/exported-env.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { suite } from '../src/testing/suite.ts';
import { Archive } from '../src/tools/replay/archive.ts';

const MESSAGES = 300;
const NESTED = '{"room":{"name":"kitchen"},"id":9007199254740993}';
const SENT: readonly (readonly [topic: string, payload: string | Buffer, format: string, value: unknown])[] = [
  ['home/kitchen/temperature', '{"temperature":21.5}', 'json', { temperature: 21.5 }],
  ['home/kitchen/lamp', 'on', 'text', 'on'],
  ['level', '42', 'json', 42],
  ['a/b/c/d', Buffer.from([0xff, 0x00]), 'base64', '/wA='],
  ['empty', '', 'text', ''],
  ['site/nested', NESTED, 'json', JSON.parse(NESTED)],
];

suite('demo --keep', (it) => {
  const { test, before } = it;
  const scope = suiteScope(it);
  let demo: Child;
  let env: Record<string, string>;

  before(async () => {
    demo = await startCli(['demo', '--keep', '--messages', String(MESSAGES), '--devices', '5'], {
      readyWhen: /Ctrl-C stops/,
      readyWithinMs: 120_000,
    });
    scope.defer(() => demo.end('SIGKILL'));
    env = exportedEnv(demo.stdout);
    Object.assign(process.env, env);
  });

  test('ends its output with the address of the live page', async () => {
    const [page = '', last] = saidLines(demo).slice(-2);
    assert.match(page, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.is(last, 'Ctrl-C stops everything');
    assert.match(await (await fetch(`${page}/ledger`)).text(), '"service":"bigqueries"');
  });

  test('prints the command that publishes a message', async () => {
    const { hostname, port } = new URL(env.MQTT_URL ?? '');
    const command = `mosquitto_pub -h ${hostname} -p ${port} -q 1 -t home/kitchen/temperature -m '{"temperature":21.5}'`;
    assert.ok(demo.output.includes(`\n${command}\n`), demo.output);
  });

  test('lands a message of any topic and any payload in both sinks', async () => {
    const mqtt = await connectAsync(env.MQTT_URL ?? '');
    scope.defer(() => mqtt.endAsync(true));
    for (const [topic, payload] of SENT) await mqtt.publishAsync(topic, payload, { qos: 1 });

    const projectId = env.GOOGLE_CLOUD_PROJECT ?? '';
    const bigquery = new BigQuery({ projectId, authClient: new PassThroughClient() });
    const query = `SELECT topic, payload_format, payload FROM ${env.BIGQUERY_DATASET}.${env.BIGQUERY_TABLE}`;
    const sent = new Map(SENT.map(([topic, payload, ...row]) => [topic, { payload: Buffer.from(payload), row }]));
    await eventually(async () => {
      const [rows] = await bigquery.query(query);
      const found = rows.filter(({ topic }) => sent.has(topic));
      assert.is(found.length, SENT.length);
      assert.is(rows.length, MESSAGES + SENT.length);
      for (const { topic, payload_format, payload } of found) {
        assert.equal([payload_format, JSON.parse(payload)], sent.get(topic)?.row, topic);
      }
      const nested = found.find(({ topic }) => topic === 'site/nested');
      assert.is(nested?.payload, NESTED, 'with all digits');
    });

    const storage = new Storage({ projectId, authClient: new PassThroughClient() });
    const archive = new Archive(storage, env.ARCHIVE_BUCKET ?? '');
    await eventually(async () => {
      const lines = (await Promise.all((await archive.list()).map((name) => archive.read(name)))).flat();
      const found = lines.map((line) => JSON.parse(line)).filter(({ attributes }) => sent.has(attributes.mqtt_topic));
      assert.is(found.length, SENT.length);
      for (const { attributes, originalPubSubPayload } of found) {
        assert.equal(Buffer.from(originalPubSubPayload, 'base64'), sent.get(attributes.mqtt_topic)?.payload);
      }
    });
  });

  test('shows what has landed by the commands that it prints', async () => {
    for (const sink of ['rows', 'archive']) {
      assert.match(demo.output, new RegExp(`^npm run cli -- look ${sink} --limit 1$`, 'm'));
      const { code, stdout, output } = await runCli(['look', sink, '--json', '--limit', String(SENT.length)], { env });
      assert.is(code, 0, output);
      const shown = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.equal(
        new Map(shown.map(({ topic, payload }) => [topic, payload])),
        new Map(SENT.map(([topic, , , value]) => [topic, value])),
      );
    }
  });

  test('ends cleanly, with only export lines on standard output', async () => {
    assert.is(await demo.end('SIGINT'), 0, demo.output);
    assert.is(demo.stdout.replaceAll(/^export .*\n/gm, ''), '', 'standard output is for a shell');
    assert.match(demo.output, /^ {2}published over MQTT +300$/m);
    assert.match(demo.output, /^ {2}balanced$/m);
    assert.match(demo.output, /^published 300 {2}ingested 300 {2}enriched 300 {2}archived 300 {2}inserted 300$/m);
  });

  test('names the pipelines that it runs', () => {
    for (const folder of ['demo/ingestion', 'enrich', 'icestore', 'demo/bigqueries']) {
      assert.match(demo.output, new RegExp(`^ {2}\\w+ +http://127\\.0\\.0\\.1:\\d+ +pipelines/${folder}$`, 'm'));
    }
  });
});

suite('demo', ({ test }) => {
  const ARGS = ['demo', '--messages', '50', '--devices', '2'];

  test('prints the balance on standard output', async () => {
    const { code, stdout, output } = await runCli(ARGS);
    assert.is(code, 0, output);
    assert.match(stdout, /^ {2}published over MQTT +50$[\s\S]*^ {2}balanced$/m);
    assert.not.match(output, /live page|export /i);
  });

  test('prints the balance as JSON alone with --json, after the export lines with --keep', async () => {
    const kept = await startCli([...ARGS, '--json', '--keep'], { readyWhen: /Ctrl-C stops/, readyWithinMs: 120_000 });
    assert.is(kept.stdout.replaceAll(/^export .*\n/gm, ''), '');
    assert.is(await kept.end('SIGINT'), 0, kept.output);
    const json = kept.stdout.replaceAll(/^export .*\n/gm, '');
    const { published, bigqueryRows, archivedLines, lost, duplicated } = JSON.parse(json);
    assert.equal([published, bigqueryRows, archivedLines, lost, duplicated], [50, 50, 50, 0, 0]);
    assert.match(kept.output, /^ {2}balanced$/m);
  });
});
