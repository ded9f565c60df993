import type { Bucket, File } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { apiFailure } from '../../testing/api-failure.ts';
import { refusalOf, startTestStorage } from '../../testing/storage-client.ts';
import { suite } from '../../testing/suite.ts';

suite('versions of objects', ({ test, before, after, beforeEach }) => {
  let server: Awaited<ReturnType<typeof startTestStorage>>;
  let bucket: Bucket;
  let buckets = 0;
  const save = (name: string, content: string) => bucket.file(name).save(content, { resumable: false });
  const versions = async (query: object = {}) => {
    const [files] = await bucket.getFiles({ versions: true, ...query });
    return files;
  };
  const told = ({ name, metadata }: File) => `${name}${metadata.timeDeleted === undefined ? ' live' : ''}`;

  before(async () => {
    server = await startTestStorage();
  });
  after(() => server.close());
  beforeEach(async () => {
    buckets += 1;
    [bucket] = await server.client().createBucket(`versions-${buckets}`, { versioning: { enabled: true } });
  });

  test('replaced and deleted versions are stored, listed in order, and read by generation', async () => {
    await save('a', '1');
    await save('a', '2');
    await save('b', '1');
    await bucket.file('b').delete();
    const all = await versions();
    assert.equal(all.map(told), ['a', 'a live', 'b']);
    const [first, second] = all.map(({ metadata }) => Number(metadata.generation));
    assert.ok((first ?? 0) < (second ?? 0));
    const contents = await Promise.all(
      all.map(async ({ name, metadata }) => {
        const [content] = await bucket.file(name, { generation: metadata.generation ?? 0 }).download();
        return String(content);
      }),
    );
    assert.equal(contents, ['1', '2', '1']);
    const [live] = await bucket.getFiles();
    assert.equal(live.map(told), ['a live']);
    assert.equal(await bucket.file('b').exists(), [false]);
    const [replaced] = await bucket.file('a', { generation: first ?? 0 }).getMetadata();
    assert.ok(replaced.timeDeleted);
    assert.is((await apiFailure(bucket.file('a', { generation: 1 }).download())).code, 404);
  });

  test('versions are listed in pages, with delimiter and prefix', async () => {
    for (const name of ['a', 'a', 'dir/x', 'dir/x', 'z']) await save(name, name);
    const names: string[] = [];
    for (let query: object | null = { autoPaginate: false, versions: true, maxResults: 2 }; query !== null; ) {
      const [files, next]: [File[], object | null, unknown] = await bucket.getFiles(query);
      names.push(...files.map(told));
      query = next;
    }
    assert.equal(names, ['a', 'a live', 'dir/x', 'dir/x live', 'z live']);
    assert.equal((await versions({ delimiter: '/' })).map(told), ['a', 'a live', 'z live']);
    assert.equal((await versions({ prefix: 'dir/' })).map(told), ['dir/x', 'dir/x live']);
    assert.equal(await refusalOf(bucket.getFiles({ pageToken: '!' })), [400, 'invalid']);
  });

  test('deleting a generation removes it permanently, and an empty bucket has no versions', async () => {
    await save('a', '1');
    await bucket.file('a').delete();
    assert.is((await apiFailure(bucket.delete())).code, 409);
    const [gone] = await versions();
    assert.ok(gone);
    const generation = gone.metadata.generation ?? 0;
    await bucket.file('a', { generation }).delete();
    assert.equal(await versions(), []);
    assert.is((await apiFailure(bucket.file('a', { generation }).delete())).code, 404);
    await save('live', '1');
    const [{ generation: live = 0 }] = await bucket.file('live').getMetadata();
    await bucket.file('live', { generation: live }).delete();
    assert.equal(await versions(), []);
    await bucket.delete();
  });

  test('a missing object has generation 0, whatever its versions', async () => {
    await save('a', '1');
    await bucket.file('a').delete();
    await bucket.file('a').save('2', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
    assert.equal((await versions()).map(told), ['a', 'a live']);
  });

  test('without versioning nothing is stored, and existing versions stay', async () => {
    await save('a', '1');
    await save('a', '2');
    await bucket.setMetadata({ versioning: { enabled: false } });
    await save('a', '3');
    await bucket.file('a').delete();
    assert.equal((await versions()).map(told), ['a']);
  });

  test('soft delete is off, and refused', async () => {
    const [metadata] = await bucket.getMetadata();
    assert.is(metadata.softDeletePolicy?.retentionDurationSeconds, '0');
    const softDeletePolicy = { retentionDurationSeconds: 604_800 };
    assert.equal(await refusalOf(bucket.setMetadata({ softDeletePolicy })), [400, 'notImplemented']);
    await bucket.setMetadata({ softDeletePolicy: { retentionDurationSeconds: 0 } });
    assert.equal(await refusalOf(bucket.getFiles({ softDeleted: true })), [400, 'notImplemented']);
  });
});
