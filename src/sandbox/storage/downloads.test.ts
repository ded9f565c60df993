import { get } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Bucket } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { startTestStorage } from '../../testing/storage-client.ts';
import { suite } from '../../testing/suite.ts';

const TEXT = 'line\n'.repeat(1000);

suite('downloads', ({ test, before, after, beforeEach }) => {
  let server: Awaited<ReturnType<typeof startTestStorage>>;
  let bucket: Bucket;
  let buckets = 0;

  /** Uses node:http, which adds no headers and decompresses nothing. */
  const fetchBare = (name: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: Buffer }>((resolve, reject) => {
      const url = `${server.origin}/storage/v1/b/${bucket.name}/o/${name}?alt=media`;
      get(url, { headers }, async (response) => {
        resolve({ status: response.statusCode, headers: response.headers, body: await buffer(response) });
      }).on('error', reject);
    });

  before(async () => {
    server = await startTestStorage();
  });
  after(() => server.close());
  beforeEach(async () => {
    buckets += 1;
    [bucket] = await server.client().createBucket(`downloads-${buckets}`);
  });

  test('an object stored as gzip is served as gzip only to callers that accept it', async () => {
    await bucket.file('lines').save(TEXT, { gzip: true, resumable: false, contentType: 'text/plain' });
    for (const accepts of [{}, { 'accept-encoding': 'identity' }, { 'accept-encoding': 'deflate, gzip;q=0' }]) {
      const plain = await fetchBare('lines', accepts);
      assert.is(String(plain.body), TEXT, JSON.stringify(accepts));
      assert.is(plain.headers['content-encoding'], undefined);
      assert.is(plain.headers['content-length'], undefined);
      assert.is(plain.headers['x-goog-stored-content-encoding'], 'gzip');
    }
    for (const accepts of ['gzip', 'br, GZIP', 'deflate, gzip;q=0.5']) {
      const stored = await fetchBare('lines', { 'accept-encoding': accepts });
      assert.is(stored.headers['content-encoding'], 'gzip', accepts);
      assert.is(String(gunzipSync(stored.body)), TEXT);
    }
  });

  test('a range of a decompressed object is ignored: all of it is sent', async () => {
    await bucket.file('lines').save(TEXT, { gzip: true, resumable: false });
    const whole = await fetchBare('lines', { range: 'bytes=0-3' });
    assert.equal([whole.status, whole.body.byteLength], [200, TEXT.length]);
    const part = await fetchBare('lines', { range: 'bytes=0-3', 'accept-encoding': 'gzip' });
    assert.equal([part.status, part.body.byteLength], [206, 4]);
  });

  test('no-transform objects, and gzip without a content encoding, are served unchanged', async () => {
    const metadata = { cacheControl: 'public, no-transform' };
    await bucket.file('kept').save(TEXT, { gzip: true, resumable: false, metadata });
    const kept = await fetchBare('kept');
    assert.is(kept.headers['content-encoding'], 'gzip');
    assert.is(kept.headers['cache-control'], 'public, no-transform');
    assert.is(String(gunzipSync(kept.body)), TEXT);
    await bucket.file('archive.gz').save(gzipSync(TEXT), { resumable: false, contentType: 'application/gzip' });
    const archive = await fetchBare('archive.gz');
    assert.is(archive.headers['content-encoding'], undefined);
    assert.is(String(gunzipSync(archive.body)), TEXT);
    await bucket.file('liar').save('not gzip', { resumable: false, metadata: { contentEncoding: 'gzip' } });
    assert.is(String((await fetchBare('liar')).body), 'not gzip');
  });

  test('the official client decompresses on request, and checks the stored hash', async () => {
    const file = bucket.file('lines');
    await file.save(TEXT, { gzip: true, resumable: false });
    for (const validation of ['crc32c', 'md5', false] as const) {
      assert.is(String((await file.download({ validation }))[0]), TEXT);
    }
    const [stored] = await file.download({ decompress: false });
    assert.is(String(gunzipSync(stored)), TEXT);
    const [part] = await file.download({ start: 0, end: 9, decompress: false });
    assert.ok(part.equals(stored.subarray(0, 10)));
  });

  test('a download carries the metadata that the service sends', async () => {
    const metadata = { contentDisposition: 'attachment; filename="a.txt"', contentLanguage: 'en' };
    await bucket.file('a').save('x', { resumable: false, contentType: 'text/x', metadata });
    await bucket.file('snow').save('☃', { resumable: false, contentType: 'text/plain; name="☃"' });
    assert.is(
      Buffer.from(String((await fetchBare('snow')).headers['content-type']), 'latin1').toString(),
      'text/plain; name="☃"',
    );
    const [{ generation, etag }] = await bucket.file('a').getMetadata();
    const { headers } = await fetchBare('a');
    assert.is(headers['content-type'], 'text/x');
    assert.is(headers['content-disposition'], metadata.contentDisposition);
    assert.is(headers['content-language'], 'en');
    assert.is(headers['x-goog-generation'], generation);
    assert.is(headers['x-goog-metageneration'], '1');
    assert.is(headers['x-goog-storage-class'], 'STANDARD');
    assert.is(headers.etag, etag);
  });
});
