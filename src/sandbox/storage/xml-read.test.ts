import { get } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import type { Bucket } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { startTestStorage } from '../../testing/storage-client.ts';
import { suite } from '../../testing/suite.ts';
import { Permissions } from '../permissions.ts';
import { STORAGE_PERMISSIONS } from './permissions.ts';

suite('reads by the XML API', ({ test, before, after, beforeEach }) => {
  const permissions = new Permissions([STORAGE_PERMISSIONS]);
  let server: Awaited<ReturnType<typeof startTestStorage>>;
  let bucket: Bucket;
  let buckets = 0;

  /** Uses node:http, which adds no headers, decompresses nothing, and shows each received header. */
  const fetchBare = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ status: number | undefined; headers: Record<string, unknown>; raw: string[]; body: Buffer }>(
      (resolve, reject) => {
        get(`${server.origin}/${path}`, { headers, method }, async (response) => {
          const { statusCode: status, rawHeaders: raw } = response;
          resolve({ status, headers: response.headers, raw, body: await buffer(response) });
        }).on('error', reject);
      },
    );
  const codeOf = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
    const { status, headers: answered, body } = await fetchBare(path, headers, method);
    assert.match(String(answered['content-type']), 'application/xml');
    return [status, /<Code>(\w+)<\/Code>/.exec(String(body))?.[1]];
  };

  before(async () => {
    server = await startTestStorage({ permissions });
  });
  after(() => server.close());
  beforeEach(async () => {
    permissions.deny([]);
    buckets += 1;
    [bucket] = await server.client().createBucket(`xml-reads-${buckets}`);
  });

  test('GET and HEAD of /bucket/object, with the slashes of a name as they are or encoded', async () => {
    const name = 'dir/ü 1%25.txt';
    const metadata = { metadata: { site: 'north', 'not a header': 'x', lines: 'a\nb' } };
    await bucket.file(name).save('0123456789', { resumable: false, contentType: 'text/plain', metadata });
    const [{ generation, crc32c, md5Hash }] = await bucket.file(name).getMetadata();
    for (const encoded of [encodeURIComponent(name), `dir/${encodeURIComponent('ü 1%25.txt')}`]) {
      const { status, headers, raw, body } = await fetchBare(`${bucket.name}/${encoded}`);
      assert.equal([status, String(body)], [200, '0123456789'], encoded);
      assert.is(headers['content-type'], 'text/plain');
      assert.is(headers['x-goog-generation'], generation);
      assert.is(headers['x-goog-meta-site'], 'north');
      assert.not.ok('x-goog-meta-lines' in headers);
      const hashes = raw.filter((_, index) => raw[index - 1]?.toLowerCase() === 'x-goog-hash');
      assert.equal(hashes, [`crc32c=${crc32c}`, `md5=${md5Hash}`], 'a header each');
    }
    await bucket.file('b').save('{"stays":1}', { resumable: false, contentType: 'application/json' });
    assert.is(
      String((await fetchBare(`${bucket.name}/b?fields=name`)).body),
      '{"stays":1}',
      'content is not an answer',
    );
    const head = await fetchBare(`${bucket.name}/${encodeURIComponent(name)}`, {}, 'HEAD');
    assert.equal([head.status, head.body.byteLength, head.headers['content-length']], [200, 0, '10']);
    const part = await fetchBare(`${bucket.name}/${encodeURIComponent(name)}`, { range: 'bytes=-3' });
    assert.equal([part.status, String(part.body)], [206, '789']);
    assert.is(part.headers['content-range'], 'bytes 7-9/10');
  });

  test('an object stored as gzip is decompressed for a caller that does not accept gzip', async () => {
    await bucket.file('lines').save('line\n'.repeat(100), { gzip: true, resumable: false });
    const path = `${bucket.name}/lines`;
    const plain = await fetchBare(path);
    assert.is(String(plain.body), 'line\n'.repeat(100));
    assert.is(plain.headers.warning, '214 UploadServer gunzipped');
    const stored = await fetchBare(path, { 'accept-encoding': 'gzip' });
    assert.is(stored.headers['content-encoding'], 'gzip');
    assert.is(String(gunzipSync(stored.body)), 'line\n'.repeat(100));
    assert.is((await fetchBare(path, { range: 'bytes=0-3' })).body.byteLength, 500, 'a range of it is all of it');
  });

  test('a version by its generation, and preconditions in headers', async () => {
    await bucket.setMetadata({ versioning: { enabled: true } });
    await bucket.file('a').save('old', { resumable: false });
    const [{ generation: old }] = await bucket.file('a').getMetadata();
    await bucket.file('a').save('new', { resumable: false });
    const path = `${bucket.name}/a`;
    assert.is(String((await fetchBare(`${path}?generation=${old}`)).body), 'old');
    assert.is(String((await fetchBare(path, { 'x-goog-if-metageneration-match': '1' })).body), 'new');
    const match = { 'x-goog-if-generation-match': String(old) };
    assert.equal(await codeOf(path, match), [412, 'PreconditionFailed']);
    assert.equal(await codeOf(path, { 'x-goog-if-generation-match': 'x' }), [400, 'InvalidArgument']);
  });

  test('errors are XML', async () => {
    await bucket.file('a').save('x', { resumable: false });
    const path = `${bucket.name}/a`;
    assert.equal(await codeOf(`${bucket.name}/none`), [404, 'NoSuchKey']);
    assert.equal(await codeOf('no-such-bucket/a'), [404, 'NoSuchBucket']);
    assert.equal(await codeOf(path, { range: 'bytes=1-' }), [416, 'InvalidRange']);
    for (const [call, method] of [
      [bucket.name, 'GET'],
      [`${path}?acl`, 'GET'],
      [path, 'PUT'],
      [path, 'DELETE'],
    ] as const) {
      assert.equal(await codeOf(call, {}, method), [400, 'NotImplemented'], `${method} ${call}`);
    }
    permissions.deny(['storage.objects.get']);
    assert.equal(await codeOf(path), [403, 'AccessDenied']);
  });
});
