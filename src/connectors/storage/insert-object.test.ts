import * as assert from 'uvu/assert';
import { errorCode } from '../../core/errors.ts';
import { suiteScope } from '../../testing/scope.ts';
import { type Servers, startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { createStorageClient } from './client.ts';
import { insertObject } from './write-once.ts';

suite('an object inserted in one request', (it) => {
  const { test, before } = it;
  const scope = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(scope, { parts: ['storage'] });
  });

  test('equals the one written by File.save, whatever its name and bytes', async () => {
    const [bucket] = await createStorageClient({ projectId: servers.sandbox.projectId }).createBucket('inserted');
    const contentType = 'application/gzip';
    const metadata = { contentHash: 'größe-1' };
    const contents = ['', 'text', '\r\n--\r\n', `${'\0\xff'.repeat(200_000)}\r\n`].map((text) =>
      Buffer.from(text, 'latin1'),
    );
    for (const [index, content] of contents.entries()) {
      const ours = bucket.file(`raw/größe & ${index}/a+b?c#d%2F.gz`);
      const theirs = bucket.file(`${ours.name}.saved`);
      await insertObject(bucket, { name: ours.name, content, contentType, metadata });
      await theirs.save(content, { resumable: false, contentType, metadata: { metadata } });
      const [[one], [other]] = await Promise.all([ours.getMetadata(), theirs.getMetadata()]);
      for (const field of ['contentType', 'metadata', 'size', 'crc32c', 'md5Hash', 'storageClass'] as const) {
        assert.equal(one[field], other[field], `${field} of ${index}`);
      }
      assert.equal((await ours.download())[0], content);
    }
  });

  test('is refused with 412 if its name is taken', async () => {
    const [bucket] = await createStorageClient({ projectId: servers.sandbox.projectId }).createBucket('taken');
    const insert = (text: string) =>
      insertObject(bucket, { name: 'a', content: Buffer.from(text), contentType: 'text/plain', metadata: {} });
    await insert('first');
    let code: unknown;
    await insert('second').catch((error: unknown) => {
      code = errorCode(error);
    });
    assert.is(Number(code), 412);
    assert.is((await bucket.file('a').download())[0].toString(), 'first');
  });
});
