import { gzipSync } from 'node:zlib';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';
import * as assert from 'uvu/assert';
import { FatalError } from '../../core/errors.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { suite } from '../../testing/suite.ts';
import { Archive } from './archive.ts';
import { type SelectionOptions, selectionOf } from './selection.ts';
import { Timeline } from './timeline.ts';

const T0 = Date.UTC(2026, 0, 1);
const at = (seconds: number) => new Date(T0 + seconds * 1_000).toISOString();
const line = (id: string, seconds: number, more: object = {}): string =>
  JSON.stringify({
    id,
    batchKey: '2026/01/01',
    originalPubSubPayload: Buffer.from(JSON.stringify({ device_id: id.slice(0, 1) })).toString('base64'),
    archivedAt: at(seconds + 5),
    publishTime: at(seconds),
    attributes: { mqtt_topic: `t/${id.slice(0, 1)}` },
    ...more,
  });

suite('timeline of an archive', ({ test, before, after, beforeEach }) => {
  let sandbox: Sandbox;
  let storage: Storage;
  let bucket = '';
  let made = 0;

  before(async () => {
    sandbox = await startSandbox({ parts: ['storage'] });
    sandbox.applyEnv();
    storage = new Storage({ projectId: sandbox.projectId, authClient: new PassThroughClient() });
  });
  after(() => sandbox?.close());
  beforeEach(async () => {
    made += 1;
    bucket = `archive-${made}`;
    await storage.createBucket(bucket);
  });

  const write = (name: string, content: Buffer | string) => storage.bucket(bucket).file(name).save(content);
  const object = (name: string, lines: readonly string[]) => write(name, gzipSync(`${lines.join('\n')}\n`));
  const open = (location = bucket, options: Partial<SelectionOptions> = {}): Timeline =>
    new Timeline(
      new Archive(storage, location),
      selectionOf({ timePath: 'metadata.publishTime', devices: [], devicePaths: ['payload.device_id'], ...options }),
    );
  const never = new AbortController().signal;
  const idsOf = async (timeline: Timeline): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { message } of timeline.messages()) ids.push(message.id);
    return ids;
  };

  test('merges objects that overlap, by time, and keeps the order of archiving among equals', async () => {
    await object('raw/x/2.jsonl.gz', [line('b1', 2), line('b2', 4), line('b3', 9)]);
    await object('raw/x/1.jsonl.gz', [
      line('a1', 1),
      line('a2', 3),
      line('a3', 4, { archivedAt: at(8) }),
      line('a4', 8),
    ]);
    await object('raw/y/3.jsonl.gz', [
      line('c2', 4, { archivedAt: at(8.5) }),
      line('c1', 0),
      line('c3', 4, { archivedAt: at(8.5) }),
    ]);
    const timeline = open();
    const scan = await timeline.scan(never);
    assert.equal([scan.objects, scan.lines, scan.selected, scan.devices], [3, 10, 10, 3]);
    assert.equal([scan.firstMs, scan.lastMs], [T0, T0 + 9_000]);
    assert.equal(
      [...scan.byFolder],
      [
        ['raw/x', 7],
        ['raw/y', 3],
      ],
    );
    assert.equal(await idsOf(timeline), ['c1', 'a1', 'b1', 'a2', 'a3', 'c2', 'c3', 'b2', 'a4', 'b3']);
  });

  test('opens an object when its time has come, and closes it at its end', async () => {
    for (let index = 0; index < 60; index += 1) {
      const first = index * 10;
      await object(`raw/${String((index * 37) % 60)}.jsonl.gz`, [
        line(`a${index}-0`, first),
        line(`a${index}-1`, first + 12),
      ]);
    }
    const timeline = open();
    await timeline.scan(never);
    const ids = await idsOf(timeline);
    assert.is(ids.length, 120);
    assert.ok(timeline.peakOpen <= 2, `${timeline.peakOpen} objects were open concurrently`);
  });

  test('selects by time, by device and by prefix', async () => {
    await object('raw/2026/01/01/1.jsonl.gz', [line('a1', 1), line('b1', 2), line('a2', 3), line('a3', 4)]);
    await object('raw/2026/01/02/1.jsonl.gz', [line('a9', 90)]);
    const timeline = open(`gs://${bucket}/raw/2026/01/01`, { from: T0 + 1_000, until: T0 + 4_000, devices: ['a'] });
    assert.is((await timeline.scan(never)).selected, 2);
    assert.equal(await idsOf(timeline), ['a1', 'a2']);
  });

  test('accepts lines of other programs, plain files, and gzip with several members', async () => {
    const bare =
      '{"id":"w1","batchKey":"2026/01/01","originalPubSubPayload":"e30=","archivedAt":"2026-01-01T00:00:01.123456789Z"}';
    await write('raw/a.jsonl', `${bare}\n`);
    await write('raw/b.jsonl.gz', Buffer.concat([gzipSync(`${line('x1', 2)}\n`), gzipSync(`${line('x2', 3)}\n`)]));
    await write('raw/readme.txt', 'not an archive');
    const timeline = open();
    assert.is((await timeline.scan(never)).unreadableCount, 0);
    assert.equal(await idsOf(timeline), ['w1', 'x1', 'x2']);
  });

  test('names unreadable lines, and continues', async () => {
    await write('raw/broken.jsonl.gz', 'this is not gzip');
    await object('raw/some.jsonl.gz', [
      line('a1', 1),
      '{"id":',
      line('a2', 2, { publishTime: 'yesterday' }),
      '[]',
      line('a3', 3),
    ]);
    const timeline = open();
    const scan = await timeline.scan(never);
    assert.is(scan.unreadableCount, 4);
    assert.ok(scan.unreadable.some((text) => text.startsWith('raw/broken.jsonl.gz: ')));
    assert.ok(
      scan.unreadable.some((text) => text.startsWith('raw/some.jsonl.gz, line 3: ') && text.includes('publishTime')),
    );
    assert.equal(await idsOf(timeline), ['a1', 'a3']);
  });

  test('refuses a bucket that does not exist', async () => {
    const problem = await open('no-such-bucket/raw')
      .scan(never)
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    assert.instance(problem, FatalError);
    assert.match(String(problem), 'no-such-bucket');
  });
});
