import { gzipSync } from 'node:zlib';
import { Storage } from '@google-cloud/storage';
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

const ESCAPE = '\u001b[2J\u009b';

suite('look archive', (it) => {
  const { test, before } = it;
  const scope = suiteScope(it);
  let sandbox: Sandbox;
  let storage: Storage;
  let pipelines: PipelineFolder;
  let buckets = 0;

  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['storage'] }));
    storage = new Storage({ projectId: sandbox.projectId, authClient: new PassThroughClient() });
    pipelines = pipelineFolder(scope);
  });

  const pipelineOf = (name: string): string =>
    pipelines.pipeline({
      service: 'icestore',
      google: { projectId: sandbox.projectId },
      source: { subscriptionId: 's' },
      bucket: { name, prefix: 'raw' },
    });
  /** A bucket of its own, a function that archives payloads by id, and the folder of a pipeline. */
  const newArchive = async () => {
    buckets += 1;
    const name = `archive-${buckets}`;
    const [bucket] = await storage.createBucket(name);
    const store = (object: string, second: number, payloads: Readonly<Record<string, string | Buffer>>) => {
      const lines = Object.entries(payloads).map(([id, payload], index) => lineOf(id, payload, second + index));
      return bucket.file(`raw/${object}`).save(gzipSync(`${lines.join('\n')}\n`));
    };
    return { bucket, store, pipeline: pipelineOf(name) };
  };
  const now = Date.now();
  const lineOf = (id: string, payload: string | Buffer, second: number): string =>
    JSON.stringify({
      id,
      batchKey: 'x',
      originalPubSubPayload: Buffer.from(payload).toString('base64'),
      archivedAt: new Date(now).toISOString(),
      publishTime: new Date(now + second * 1_000).toISOString(),
      attributes: { mqtt_topic: `home/${id}`, site: ESCAPE },
      enrichmentData: {},
    });
  const idsIn = (stdout: string): string[] => Array.from(stdout.matchAll(/"id":"(\w+)"/g), ([, id = '']) => id);

  test('prints the newest first, payloads decoded', async () => {
    const { store, pipeline } = await newArchive();
    await store('2025/12/31/oslo/1.jsonl.gz', -1_000, { oldest: '1' });
    await store('2026/01/02/1.jsonl.gz', -60, { old: 'on', binary: Buffer.from([0xff]) });
    await store('2026/01/02/oslo/2.jsonl.gz', -20, {
      json: '{"id": 9007199254740993,\n "escape": "\u009b"}',
      last: '',
    });
    const { code, stdout, output } = await runCli(['look', 'archive', pipeline, '--json', '--limit', '4']);
    assert.is(code, 0, output);
    assert.equal(idsIn(stdout), ['last', 'json', 'binary', 'old']);
    const [last = '', json = '', binary = '', old = ''] = stdout.split('\n');
    assert.match(last, /"topic":"home\/last","payload":"","payloadFormat":"text","id":"last"/);
    assert.match(json, /"payload":\{"id":9007199254740993,"escape":"\\u009b"\},"payloadFormat":"json"/);
    assert.match(json, /"object":"gs:\/\/archive-\d+\/raw\/2026\/01\/02\/oslo\/2\.jsonl\.gz"/);
    assert.equal([JSON.parse(binary).payload, JSON.parse(binary).payloadFormat], ['/w==', 'base64']);
    assert.equal([JSON.parse(old).payload, JSON.parse(old).attributes], ['on', { site: ESCAPE }]);

    const people = await runCli(['look', 'archive', pipeline, '--limit', '2']);
    assert.match(people.stdout, /\ntopic {10}home\/json\npayload {8}\{"id":9007199254740993,"escape":" "\}\n/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: matches control characters on purpose
    assert.not.match(stdout + people.stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    const all = await runCli(['look', 'archive', pipeline, '--json']);
    assert.is(idsIn(all.stdout).at(-1), 'oldest');
  });

  test('finds the newest message, though a later object holds older ones', async () => {
    const { store, pipeline } = await newArchive();
    await store('2026/01/02/1.jsonl.gz', -1, { newest: '1' });
    await store('2026/01/02/oslo/2.jsonl.gz', -100, { late: '2' });
    const { stdout, output } = await runCli(['look', 'archive', pipeline, '--json', '--limit', '1']);
    assert.equal(idsIn(stdout), ['newest'], output);
  });

  test('reads archives that are filed in another way, and says what cannot be read', async () => {
    const { bucket, store, pipeline } = await newArchive();
    await store('hall/2026-01-02/1.jsonl.gz', 0, { hall: '1' });
    await bucket.file('raw/hall/broken.jsonl.gz').save('no gzip');
    await bucket.file('raw/hall/notes.txt').save('not an archive');
    await bucket.file('raw/hall/lines.jsonl').save(`{"id":\n${lineOf('good', '2', 1)}\n`);
    const { code, stdout, output } = await runCli(['look', 'archive', pipeline, '--json']);
    assert.is(code, 1, output);
    assert.equal(idsIn(stdout), ['good', 'hall']);
    assert.match(output, /cannot be read: raw\/hall\/broken\.jsonl\.gz/);
    assert.match(output, /cannot be read: raw\/hall\/lines\.jsonl, line 1: the line is not JSON/);
  });

  test('follows: the newest, then the messages of each object once, until Ctrl-C', async () => {
    const { store, pipeline } = await newArchive();
    await store('2026/01/02/1.jsonl.gz', -60, { a: '1', b: '2', c: '3' });
    const looking = await startCli(['look', 'archive', pipeline, '--follow', '--json', '--limit', '2']);
    scope.defer(() => looking.end('SIGKILL'));
    await eventually(() => assert.equal(idsIn(looking.stdout), ['b', 'c']));
    await store('2026/01/02/2.jsonl.gz', -90, { late: '4', d: '5' });
    await eventually(() => assert.is(idsIn(looking.stdout).length, 4));
    await store('2026/01/03/hall/3.jsonl.gz', 0, { e: '6' });
    await eventually(() => assert.ok(idsIn(looking.stdout).includes('e')));
    assert.equal(idsIn(looking.stdout), ['b', 'c', 'late', 'd', 'e']);
    assert.is(await looking.end('SIGINT'), 0, looking.output);
  });

  test('ends when nobody reads what it prints', async () => {
    const { store, pipeline } = await newArchive();
    await store('2026/01/02/0.jsonl.gz', 0, { one: '1' });
    const command = `"${process.execPath}" "${LAUNCH}" look archive ${pipeline} --follow --json | head -n 1`;
    const child = await startChild('bash', ['-c', `set -o pipefail; ${command}`]);
    scope.defer(() => child.end('SIGKILL'));
    await eventually(() => assert.match(child.stdout, /one/));
    let n = 0;
    await eventually(async () => {
      n += 1;
      await store(`2026/01/02/${n}.jsonl.gz`, n, { [`n${n}`]: '1' });
      const state = await Promise.race([child.exited, Promise.resolve('running')]);
      assert.is(state, 0, child.output);
    });
  });

  test('says what is missing, and what helps', async () => {
    const missing = await runCli(['look', 'archive', pipelineOf('no-such-archive')]);
    assert.is(missing.code, 1, missing.output);
    assert.match(
      missing.output,
      /Cloud Storage has no bucket no-such-archive; this creates it: npm run cli -- provision \S+p\d+\n/,
    );
    const unnamed = await runCli(['look', 'archive'], { env: { ARCHIVE_BUCKET: '' } });
    assert.is(unnamed.code, 2, unnamed.output);
    assert.match(unnamed.output, /which pipeline\?.*not set: ARCHIVE_BUCKET/);
    await storage.createBucket('empty-archive');
    const empty = await runCli(['look', 'archive', pipelineOf('empty-archive')]);
    assert.is(empty.code, 0, empty.output);
    assert.match(empty.output, /gs:\/\/empty-archive\/raw has no messages yet/);
  });
});
