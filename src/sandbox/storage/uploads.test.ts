import type { Bucket, FileMetadata } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { refusalOf, startTestStorage } from '../../testing/storage-client.ts';
import { suite } from '../../testing/suite.ts';

const UNIT = 256 * 1024;
const INVALID = [400, 'invalid'];

suite('uploads', ({ test, before, after, beforeEach }) => {
  let server: Awaited<ReturnType<typeof startTestStorage>>;
  let bucket: Bucket;
  let buckets = 0;
  let now = Date.parse('2026-01-01T00:00:00Z');
  const save = (metadata: object) =>
    bucket.file('file').save('x', { resumable: false, metadata: metadata as FileMetadata });
  const put = (uri: string, range: string, body?: Uint8Array<ArrayBuffer>) =>
    fetch(uri, { method: 'PUT', headers: { 'content-range': range }, ...(body === undefined ? {} : { body }) });

  before(async () => {
    server = await startTestStorage({ now: () => now });
  });
  after(() => server.close());
  beforeEach(async () => {
    buckets += 1;
    [bucket] = await server.client().createBucket(`uploads-${buckets}`);
  });

  test('a field of an object that the service cannot store is refused', async () => {
    for (const metadata of [
      { storageClass: 'FAST' },
      { contentType: 'text/plain\r\nset-cookie: a=b' },
      { contentLanguage: 7 },
      { cacheControl: 'a\nb' },
      { metadata: { key: 'x'.repeat(8 * 1024) } },
      { metadata: { key: { nested: 'x' } } },
      { metadata: 'text' },
      { customTime: 'yesterday' },
      { temporaryHold: 'yes' },
      { crc32c: 'not base64!' },
      { md5Hash: 'AAAA' },
    ]) {
      assert.equal(await refusalOf(save(metadata)), INVALID, JSON.stringify(metadata));
    }
    assert.equal(await bucket.file('file').exists(), [false]);
    await save({ metadata: { key: 'x'.repeat(8 * 1024 - 3), n: 1 } }).then(
      () => assert.unreachable('a number counts too'),
      () => {},
    );
    await save({ metadata: { key: 'x'.repeat(8 * 1024 - 3) } });
    await save({ storageClass: 'COLDLINE', metadata: { n: 1, b: true } });
    const [metadata] = await bucket.file('file').getMetadata();
    assert.equal([metadata.storageClass, metadata.metadata], ['COLDLINE', { n: '1', b: 'true' }]);
  });

  test('fields set by the service cannot be changed, and unknown fields are dropped', async () => {
    await save({ size: '99', generation: '1', timeCreated: '1970-01-01T00:00:00Z', owner: 'me', invented: 'x' });
    const [metadata] = await bucket.file('file').getMetadata();
    assert.is(metadata.size, '1');
    assert.is(metadata.timeCreated, new Date(now).toISOString());
    assert.not.ok('owner' in metadata || 'invented' in metadata || metadata.generation === '1');
  });

  test('a patch is checked like an upload, and a custom time never decreases', async () => {
    await save({ customTime: '2026-01-02T00:00:00Z' });
    const file = bucket.file('file');
    for (const patch of [
      { customTime: '2026-01-01T00:00:00Z' },
      { customTime: null },
      { metadata: { key: 'x'.repeat(8 * 1024) } },
      { storageClass: 'ARCHIVE' },
      { contentType: 'a\nb' },
    ]) {
      assert.equal(await refusalOf(file.setMetadata(patch as FileMetadata)), INVALID, JSON.stringify(patch));
    }
    await file.setMetadata({ customTime: '2026-01-03T00:00:00Z', metadata: { a: '1', b: '2' } });
    await file.setMetadata({ metadata: { a: null } });
    const [metadata] = await file.getMetadata();
    assert.equal(metadata.metadata, { b: '2' });
  });

  test('the name and the encoding in the query and in the body must be the same', async () => {
    const post = (query: string, fields: object) => {
      const boundary = 'parts';
      const parts = [JSON.stringify(fields), 'x'].map(
        (part) => `--${boundary}\r\ncontent-type: a/b\r\n\r\n${part}\r\n`,
      );
      return fetch(`${server.origin}/upload/storage/v1/b/${bucket.name}/o?uploadType=multipart&${query}`, {
        method: 'POST',
        headers: { 'content-type': `multipart/related; boundary="${boundary}"` },
        body: `${parts.join('')}--${boundary}--`,
      });
    };
    assert.is((await post('name=a', { name: 'a' })).status, 200);
    assert.is((await post('', { name: 'a' })).status, 200);
    assert.match(await (await post('name=a', { name: 'b' })).text(), '"reason":"invalidParameter"');
    assert.is((await post('name=a&contentEncoding=gzip', { contentEncoding: 'br' })).status, 400);
    assert.match(await (await post('', {})).text(), '"reason":"required"');
    assert.is((await post('', { name: '\ud800' })).status, 400, 'half of a surrogate pair is not UTF-8');
  });

  test('a Content-Range that the body does not fit is refused', async () => {
    const [uri] = await bucket.file('ranges').createResumableUpload();
    for (const [range, size] of [
      ['bytes 0-9/10', 5],
      ['bytes 0-4/10', 10],
      ['bytes 9-0/10', 1],
      ['bytes 0-10/10', 11],
      ['bytes 0-9', 10],
    ] as const) {
      const response = await put(uri, range, new Uint8Array(size));
      assert.is(response.status, 400, range);
    }
    const ahead = await put(uri, `bytes ${UNIT}-${UNIT + 9}/*`, new Uint8Array(10));
    assert.is(ahead.status, 503);
    assert.match(await ahead.text(), 'which exceeds already uploaded size of 0 byte(s).');
    assert.is((await put(uri, 'bytes 0-9/10', new Uint8Array(10))).status, 200);
    assert.is((await bucket.file('ranges').getMetadata())[0].size, '10');
  });

  test('all but the end of an upload is stored in whole units of 256 KiB', async () => {
    const [uri] = await bucket.file('units').createResumableUpload();
    const chunk = new Uint8Array(UNIT + 100);
    const first = await put(uri, `bytes 0-${UNIT + 99}/*`, chunk);
    assert.equal([first.status, first.headers.get('range')], [308, `bytes=0-${UNIT - 1}`]);
    assert.is((await put(uri, `bytes ${UNIT}-${UNIT + 99}/${UNIT + 100}`, chunk.subarray(UNIT))).status, 200);
    assert.is((await bucket.file('units').getMetadata())[0].size, String(UNIT + 100));
  });

  test('the official Go client may send chunks by POST, and gets a 200 with a header instead of a 308', async () => {
    const [uri] = await bucket.file('posted').createResumableUpload();
    const post = (range: string, content: Uint8Array<ArrayBuffer>) =>
      fetch(uri, { method: 'POST', headers: { 'content-range': range, 'x-guploader-no-308': 'yes' }, body: content });
    const first = await post(`bytes 0-${UNIT - 1}/*`, new Uint8Array(UNIT));
    assert.is(first.status, 200);
    assert.is(first.headers.get('x-http-status-code-override'), '308');
    assert.is(first.headers.get('range'), `bytes=0-${UNIT - 1}`);
    assert.is(await first.text(), '');
    const last = await post(`bytes ${UNIT}-${UNIT + 9}/${UNIT + 10}`, new Uint8Array(10));
    assert.is(last.status, 200);
    assert.is(last.headers.get('x-http-status-code-override'), null);
    assert.is((await bucket.file('posted').getMetadata())[0].size, String(UNIT + 10));
    const [empty] = await bucket.file('empty').createResumableUpload();
    const end = { method: 'POST', headers: { 'content-range': 'bytes */0', 'x-guploader-no-308': 'yes' } };
    assert.is((await fetch(empty, end)).status, 200);
    assert.equal(await bucket.file('empty').exists(), [true]);
  });

  test('an upload must have its announced size', async () => {
    const start = `${server.origin}/upload/storage/v1/b/${bucket.name}/o?uploadType=resumable&name=announced`;
    const { headers } = await fetch(start, { method: 'POST', headers: { 'x-upload-content-length': '10' } });
    const uri = headers.get('location') ?? '';
    assert.is((await put(uri, 'bytes 0-10/11', new Uint8Array(11))).status, 400);
    assert.is((await put(uri, 'bytes 0-9/10', new Uint8Array(10))).status, 200);
  });

  test('a session ends when it is cancelled, and after a week', async () => {
    const [cancelled] = await bucket.file('cancelled').createResumableUpload();
    assert.is((await fetch(cancelled, { method: 'DELETE' })).status, 499);
    assert.is((await put(cancelled, 'bytes 0-9/10', new Uint8Array(10))).status, 499);
    const [old] = await bucket.file('old').createResumableUpload();
    now += 7 * 86_400_000;
    assert.is((await put(old, 'bytes 0-9/10', new Uint8Array(10))).status, 410);
    assert.equal(await bucket.file('old').exists(), [false]);
  });
});
