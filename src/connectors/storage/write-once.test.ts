import type { Bucket } from '@google-cloud/storage';
import { firstValueFrom } from 'rxjs';
import * as assert from 'uvu/assert';
import { RetryableError } from '../../core/errors.ts';
import { suiteScope } from '../../testing/scope.ts';
import { type Servers, startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { createStorageClient } from './client.ts';
import { writeOnce } from './write-once.ts';

const NAME = 'objects/a.txt';
const REFUSING = { googleManagedEncryptionEnforcementConfig: { restrictionMode: 'FullyRestricted' } } as const;
const ACCEPTING = { googleManagedEncryptionEnforcementConfig: { restrictionMode: 'NotRestricted' } } as const;

suite('an object written once', (it) => {
  const { test, before, afterEach } = it;
  const scope = suiteScope(it);
  let servers: Servers;
  let bucket: Bucket;
  let count = 0;
  before(async () => {
    servers = await startServers(scope, { parts: ['storage'] });
  });
  afterEach(() => {
    servers.sandbox.faults.clear();
    servers.sandbox.settings.change({ deny: [] });
  });

  const newBucket = async () => {
    count += 1;
    bucket = createStorageClient({ projectId: servers.sandbox.projectId }).bucket(`bucket-${count}`);
    await bucket.create();
  };
  const write = (contentHash = 'hash-a', content = 'content') =>
    firstValueFrom(
      writeOnce({ bucket, timeoutMs: 500 })({
        name: (suffix) => `objects/a${suffix}.txt`,
        content: Buffer.from(content),
        contentType: 'text/plain',
        contentHash,
      }),
    );
  const names = async () => (await bucket.getFiles())[0].map(({ name }) => name).sort();
  const refusal = async (call: Promise<unknown>): Promise<RetryableError> => {
    try {
      await call;
    } catch (thrown) {
      if (thrown instanceof RetryableError) return thrown;
      throw thrown;
    }
    throw new Error('the write should have failed');
  };

  test('has its content, and the hash in its metadata', async () => {
    await newBucket();
    assert.equal(await write(), { name: NAME, existed: false });
    const [metadata] = await bucket.file(NAME).getMetadata();
    assert.equal([metadata.contentType, metadata.metadata], ['text/plain', { contentHash: 'hash-a' }]);
    assert.is((await bucket.file(NAME).download())[0].toString(), 'content');
  });

  test('is found by a retry after a lost response', async () => {
    await newBucket();
    servers.sandbox.faults.add({ server: 'storage', method: 'storage.objects.insert', times: 1, dropResponse: true });
    await refusal(write());
    // Other bytes, such as those written at another time: the hash shows that the content is the same.
    assert.equal(await write('hash-a', 'content of later'), { name: NAME, existed: true });
    assert.is((await bucket.file(NAME).download())[0].toString(), 'content');
  });

  test('gets another name if its name holds other content', async () => {
    await newBucket();
    await bucket.file(NAME).save('of others', { resumable: false });
    const { name, existed } = await write();
    assert.match(name, /^objects\/a-[0-9a-f]{16}\.txt$/);
    assert.not(existed);
    assert.equal(await names(), [name, NAME].sort());
    assert.is((await bucket.file(NAME).download())[0].toString(), 'of others');
    assert.is((await bucket.file(name).download())[0].toString(), 'content');
  });

  test('does not count as written if the bucket refuses its encryption', async () => {
    await newBucket();
    await bucket.setMetadata({ encryption: REFUSING });
    const error = await refusal(write());
    assert.match(error.message, "not compliant with the bucket's encryption enforcement configuration");
    assert.match(error.message, `has no object ${NAME}`);
    await bucket.setMetadata({ encryption: ACCEPTING });
    assert.equal(await write(), { name: NAME, existed: false });
  });

  test('does not count as written if 412 has any other reason', async () => {
    await newBucket();
    const error = { code: 412, message: 'an organization policy', reason: 'conditionNotMet' };
    servers.sandbox.faults.add({ server: 'storage', method: 'storage.objects.insert', times: 1, error });
    assert.match((await refusal(write())).message, 'an organization policy');
    assert.equal(await names(), []);
    // The failure may also affect the alternative name.
    await bucket.file(NAME).save('of others', { resumable: false });
    servers.sandbox.faults.add({ server: 'storage', method: 'storage.objects.insert', error });
    assert.match((await refusal(write())).message, 'an organization policy');
    assert.equal(await names(), [NAME]);
  });

  test('gets another name if the existing object may not be read', async () => {
    await newBucket();
    await write();
    servers.sandbox.settings.change({ deny: ['storage.objects.get', 'storage.objects.list'] });
    const { name, existed } = await write();
    assert.match(name, /^objects\/a-[0-9a-f]{16}\.txt$/);
    assert.not(existed);
    servers.sandbox.settings.change({ deny: [] });
    await bucket.setMetadata({ encryption: REFUSING });
    servers.sandbox.settings.change({ deny: ['storage.objects.get', 'storage.objects.list'] });
    const error = await refusal(write());
    assert.match(error.message, 'not compliant');
    servers.sandbox.settings.change({ deny: [] });
    assert.equal(await names(), [name, NAME].sort());
  });

  test('may be refused for the right to replace the one that has its name', async () => {
    await newBucket();
    await write();
    const forbidden = (permission: string) =>
      servers.sandbox.faults.add({
        ...{ server: 'storage', method: 'storage.objects.insert', times: 1 },
        error: { code: 403, message: `caller does not have ${permission} access to the object.`, reason: 'forbidden' },
      });
    forbidden('storage.objects.delete');
    assert.equal(await write(), { name: NAME, existed: true });
    forbidden('storage.objects.delete');
    servers.sandbox.settings.change({ deny: ['storage.objects.get', 'storage.objects.list'] });
    const { name, existed } = await write();
    assert.match(name, /^objects\/a-[0-9a-f]{16}\.txt$/);
    assert.not(existed);
    servers.sandbox.settings.change({ deny: [] });

    forbidden('storage.objects.create');
    assert.match((await refusal(write('hash-b'))).message, 'storage.objects.create');
    await bucket.file(NAME).delete();
    forbidden('storage.objects.delete');
    assert.match((await refusal(write())).message, 'storage.objects.delete');
    assert.equal(await write(), { name: NAME, existed: false });
  });

  test('waits for a server that hangs or fails while the object is read', async () => {
    await newBucket();
    await write();
    const method = 'storage.objects.get';
    const stalled = servers.sandbox.faults.add({ server: 'storage', method, stall: true });
    assert.match((await refusal(write())).message, 'no answer within 500 ms');
    servers.sandbox.faults.clear();
    assert.is(stalled.fired, 1);
    servers.sandbox.faults.add({ server: 'storage', method, error: { code: 503, message: 'try later' } });
    assert.match((await refusal(write())).message, 'try later');
    servers.sandbox.faults.clear();
    assert.equal(await write(), { name: NAME, existed: true });
    assert.equal(await names(), [NAME]);
  });
});
