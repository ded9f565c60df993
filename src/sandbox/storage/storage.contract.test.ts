import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { type Bucket, CRC32C, Storage } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { apiFailure, isRecord } from '../../testing/api-failure.ts';
import { eventually } from '../../testing/eventually.ts';
import { startTestStorage } from '../../testing/storage-client.ts';
import { suite } from '../../testing/suite.ts';

/** The smallest chunk that the service accepts. */
const CHUNK = 256 * 1024;

const crc32c = (content: Buffer) => {
  const sum = new CRC32C();
  sum.update(content);
  return sum.toString();
};

suite('Cloud Storage through its official client', ({ test, before, after, beforeEach }) => {
  let server: Awaited<ReturnType<typeof startTestStorage>>;
  let origin: string;
  let storage: Storage;
  let bucket: Bucket;
  let buckets = 0;

  before(async () => {
    server = await startTestStorage();
    origin = server.origin;
  });
  after(() => server.close());
  beforeEach(async () => {
    storage = server.client();
    buckets += 1;
    [bucket] = await storage.createBucket(`contract-${buckets}`);
  });

  test('a bucket keeps its settings, and a patch merges into them', async () => {
    const rule = { action: { type: 'Delete' as const }, condition: { age: 30 } };
    const name = `settings-${buckets}`;
    await storage.createBucket(name, { location: 'europe-west1', labels: { team: 'data', keep: 'yes' } });
    const other = storage.bucket(name);
    await other.setMetadata({ lifecycle: { rule: [rule] }, labels: { team: null, env: 'test' } });
    const [metadata] = await other.getMetadata();
    assert.is(metadata.location, 'EUROPE-WEST1');
    assert.is(metadata.storageClass, 'STANDARD');
    assert.equal(metadata.labels, { keep: 'yes', env: 'test' });
    assert.equal(metadata.lifecycle, { rule: [rule] });
    assert.is(metadata.metageneration, '2');
    const [listed] = await storage.getBuckets({ prefix: 'settings-' });
    assert.ok(listed.some((found) => found.name === name));
  });

  test('errors of buckets: 409 for a second one, 409 while it contains objects, 400 for a bad name, 404 for a missing one', async () => {
    assert.equal(await apiFailure(storage.createBucket(bucket.name)), {
      code: 409,
      message: `You already own the bucket '${bucket.name}'.`,
      reason: 'conflict',
    });
    await bucket.file('held').save('x', { resumable: false });
    assert.is((await apiFailure(bucket.delete())).code, 409);
    await bucket.file('held').delete();
    await bucket.delete();
    assert.equal(await bucket.exists(), [false]);
    for (const name of ['Upper', 'no', 'x'.repeat(64), '-edge']) {
      assert.is((await apiFailure(storage.createBucket(name))).code, 400, name);
    }
    const missing = storage.bucket('not-there').file('x');
    assert.equal(await apiFailure(missing.save('x', { resumable: false })), {
      code: 404,
      message: 'The specified bucket does not exist.',
      reason: 'notFound',
    });
  });

  for (const [kind, options] of [
    ['multipart', { resumable: false }],
    ['resumable', { resumable: true }],
    ['resumable in chunks', { resumable: true, chunkSize: CHUNK }],
  ] as const) {
    test(`a ${kind} upload arrives byte for byte, with its metadata and both hashes`, async () => {
      // The client ends an empty chunked upload with `Content-Range: bytes 0--1/0`, which is not a range.
      for (const size of ['chunkSize' in options ? 2 : 0, 1, CHUNK, 3 * CHUNK + 17]) {
        const content = randomBytes(size);
        const file = bucket.file(`dir/ü %2F+?#&${size}.bin`);
        await file.save(content, { ...options, contentType: 'application/x-test', metadata: { metadata: { a: 'b' } } });
        const [metadata] = await file.getMetadata();
        assert.is(metadata.size, String(size));
        assert.is(metadata.contentType, 'application/x-test');
        assert.equal(metadata.metadata, { a: 'b' });
        assert.is(metadata.crc32c, crc32c(content));
        assert.is(metadata.md5Hash, createHash('md5').update(content).digest('base64'));
        for (const validation of ['md5', 'crc32c'] as const) {
          const [downloaded] = await file.download({ validation });
          assert.ok(content.equals(downloaded));
        }
      }
    });
  }

  test('a media upload is served below both roots', async () => {
    const upload = `${origin}/upload/storage/v1/b/${bucket.name}/o?uploadType=media&name=a%2Fb`;
    const posted = await fetch(upload, { method: 'POST', body: 'plain', headers: { 'content-type': 'text/plain' } });
    assert.is(posted.status, 200);
    const path = `b/${bucket.name}/o/a%2Fb?alt=media`;
    for (const url of [`/${path}`, `/storage/v1/${path}`]) {
      const response = await fetch(origin + url);
      assert.is(await response.text(), 'plain');
      assert.is(response.headers.get('content-type'), 'text/plain');
    }
  });

  test('apiEndpoint reaches the same objects as STORAGE_EMULATOR_HOST', async () => {
    await bucket.file('here').save('x', { resumable: false });
    delete process.env.STORAGE_EMULATOR_HOST;
    const other = new Storage({ projectId: 'contract', apiEndpoint: origin });
    const [content] = await other.bucket(bucket.name).file('here').download();
    assert.is(String(content), 'x');
    await other.bucket(bucket.name).file('there').save('y');
    assert.equal(await bucket.file('there').exists(), [true]);
  });

  test('ifGenerationMatch 0 stores once; the second write gets 412 as a number', async () => {
    const once = { preconditionOpts: { ifGenerationMatch: 0 } };
    const file = bucket.file('once');
    await file.save('first', { ...once, resumable: false });
    for (const resumable of [false, true]) {
      const failure = await apiFailure(file.save('second', { ...once, resumable }));
      assert.is(failure.code, 412);
      assert.is(failure.message, 'At least one of the pre-conditions you specified did not hold.');
      if (!resumable) assert.is(failure.reason, 'conditionNotMet');
    }
    assert.is(String((await file.download())[0]), 'first');
  });

  test('a resumable upload that loses the race gets 412 at its end', async () => {
    const file = bucket.file('raced');
    const preconditionOpts = { ifGenerationMatch: 0 };
    const [uri] = await file.createResumableUpload({ preconditionOpts });
    await file.save('winner', { resumable: false });
    assert.is((await apiFailure(file.save('loser', { uri, preconditionOpts }))).code, 412);
    assert.is(String((await file.download())[0]), 'winner');
  });

  test('generations and metagenerations move, and may be demanded', async () => {
    const file = bucket.file('versions');
    await file.save('1', { resumable: false });
    const [first] = await file.getMetadata();
    await file.setMetadata({ contentType: 'text/x', metadata: { k: 'v' } }, { ifMetagenerationMatch: 1 });
    const [patched] = await file.getMetadata();
    assert.is(patched.generation, first.generation);
    assert.is(patched.metageneration, '2');
    assert.is(patched.contentType, 'text/x');
    assert.equal(patched.metadata, { k: 'v' });
    assert.is((await apiFailure(file.setMetadata({}, { ifMetagenerationMatch: 1 }))).code, 412);
    await file.save('2', { resumable: false, preconditionOpts: { ifGenerationMatch: Number(first.generation) } });
    const [second] = await file.getMetadata();
    assert.ok(Number(second.generation) > Number(first.generation));
    assert.is(second.metageneration, '1');
    assert.is((await apiFailure(file.delete({ ifGenerationMatch: Number(first.generation) }))).code, 412);
    const same = { ifGenerationNotMatch: Number(second.generation) };
    assert.is((await apiFailure(file.save('3', { resumable: false, preconditionOpts: same }))).code, 412);
    const url = `${origin}/b/${bucket.name}/o/versions?ifGenerationNotMatch=${second.generation}`;
    assert.is((await fetch(url)).status, 304);
    await file.delete({ ifGenerationMatch: Number(second.generation) });
    assert.equal(await file.exists(), [false]);
  });

  test('a supplied hash that is wrong is refused with 400, and nothing is stored', async () => {
    const wrong = { md5Hash: createHash('md5').update('other').digest('base64') };
    for (const resumable of [false, true]) {
      const file = bucket.file(`refused-${resumable}`);
      assert.is((await apiFailure(file.save('x', { resumable, metadata: wrong }))).code, 400);
      assert.is((await apiFailure(file.save('x', { resumable, metadata: { crc32c: 'AAAAAA==' } }))).code, 400);
      assert.equal(await file.exists(), [false]);
    }
    const right = { crc32c: crc32c(Buffer.from('x')), md5Hash: createHash('md5').update('x').digest('base64') };
    await bucket.file('accepted').save('x', { metadata: right });
  });

  test('ranges: both ends, an open end, a tail, and 416 beyond the end', async () => {
    const file = bucket.file('digits');
    await file.save('0123456789', { resumable: false });
    assert.is(String((await file.download({ start: 2, end: 4 }))[0]), '234');
    assert.is(String((await file.download({ start: 7 }))[0]), '789');
    assert.is(String((await file.download({ end: -3 }))[0]), '789');
    assert.is((await apiFailure(file.download({ start: 10 }))).code, 416);
    const partial = await fetch(`${origin}/b/${bucket.name}/o/digits?alt=media`, { headers: { range: 'bytes=8-20' } });
    assert.is(partial.status, 206);
    assert.is(partial.headers.get('content-range'), 'bytes 8-9/10');
  });

  test('gzip is stored and served compressed, and the client decompresses it', async () => {
    const text = 'line\n'.repeat(1000);
    const file = bucket.file('lines.jsonl.gz');
    await file.save(text, { gzip: true, resumable: false, contentType: 'application/x-ndjson' });
    const [metadata] = await file.getMetadata();
    assert.is(metadata.contentEncoding, 'gzip');
    assert.ok(Number(metadata.size) < text.length);
    assert.is(String((await file.download())[0]), text);
    const [stored] = await file.download({ decompress: false });
    assert.is(String(gunzipSync(stored)), text);
  });

  test('lists by prefix, folds by delimiter, orders by UTF-8, and pages', async () => {
    const names = ['a/1', 'a/2', 'a/b/3', 'b/4', 'c', '\u{1F600}', '\uFF5E'];
    for (const name of names) await bucket.file(name).save(name, { resumable: false });
    const list = async (query: object) => {
      const [files] = await bucket.getFiles(query);
      return files.map(({ name }) => name);
    };
    assert.equal(await list({}), ['a/1', 'a/2', 'a/b/3', 'b/4', 'c', '\uFF5E', '\u{1F600}']);
    assert.equal(await list({ prefix: 'a/' }), ['a/1', 'a/2', 'a/b/3']);
    assert.equal(await list({ startOffset: 'a/2', endOffset: '\u{1F600}' }), ['a/2', 'a/b/3', 'b/4', 'c', '\uFF5E']);
    assert.equal(await list({ startOffset: 'a/2', prefix: 'a/', delimiter: '/' }), ['a/2']);
    assert.is((await apiFailure(bucket.getFiles({ matchGlob: 'a/*' }))).code, 400, 'refused, not ignored');

    const pages: string[][] = [];
    for (let query: object | null = { autoPaginate: false, delimiter: '/', maxResults: 2 }; query !== null; ) {
      const [files, next, reply]: [{ name: string }[], object | null, unknown] = await bucket.getFiles(query);
      const prefixes = isRecord(reply) && Array.isArray(reply.prefixes) ? reply.prefixes : [];
      pages.push([...prefixes, ...files.map(({ name }) => name)]);
      query = next;
    }
    assert.equal(pages, [['a/', 'b/'], ['c', '\uFF5E'], ['\u{1F600}']]);
    await bucket.deleteFiles();
    assert.equal(await list({}), []);
  });

  test('a resumable upload continues after a broken connection', async () => {
    const content = randomBytes(2 * CHUNK + 1000);
    const file = bucket.file('broken');
    const [uri] = await file.createResumableUpload();
    const put = request(uri, { method: 'PUT', headers: { 'content-range': 'bytes 0-*/*' } });
    put.on('error', () => {});
    await new Promise((resolve) => put.write(content, resolve));
    put.socket?.end();
    await once(put, 'close');
    await eventually(async () => {
      const status = await fetch(uri, { method: 'PUT', headers: { 'content-range': 'bytes */*' }, redirect: 'manual' });
      assert.is(status.status, 308);
      assert.is(status.headers.get('range'), `bytes=0-${2 * CHUNK - 1}`, 'the service keeps whole 256 KiB');
    });
    const total = content.byteLength;
    const rest = await fetch(uri, {
      method: 'PUT',
      headers: { 'content-range': `bytes ${CHUNK}-${total - 1}/${total}` },
      body: content.subarray(CHUNK),
    });
    assert.is(rest.status, 200, 'bytes that were already stored may be resent');
    assert.ok(content.equals((await file.download())[0]));
    const finished = await fetch(uri, { method: 'PUT', headers: { 'content-range': 'bytes */*' } });
    assert.is(finished.status, 200);
    assert.is((await fetch(uri.replace(/upload_id=.*/, 'upload_id=none'), { method: 'PUT' })).status, 404);
  });

  test('a missing object is 404, as text for a download; a call that only the sandbox lacks is 400', async () => {
    const file = bucket.file('none');
    const message = `No such object: ${bucket.name}/none`;
    assert.equal(await apiFailure(file.getMetadata()), { code: 404, message, reason: 'notFound' });
    const download = await apiFailure(file.download());
    assert.is(download.code, 404);
    assert.is(download.message, message);
    assert.is((await apiFailure(file.delete())).code, 404);
    await file.delete({ ignoreNotFound: true });
    assert.is((await apiFailure(file.acl.get())).code, 400);
    assert.is((await apiFailure(file.copy('other'))).code, 400);
    for (const path of [`b/${bucket.name}/nothing`, `b/${bucket.name}/o/an/unencoded/slash`, 'nothing']) {
      const unknown = await fetch(`${origin}/storage/v1/${path}`);
      assert.match(await unknown.text(), /"code":404.*"reason":"notFound"/, path);
    }
  });
});
