import { createHash, randomBytes } from 'node:crypto';
import type { Bucket } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { apiFailure } from '../../testing/api-failure.ts';
import { refusalOf, startTestStorage } from '../../testing/storage-client.ts';
import { suite } from '../../testing/suite.ts';

const once = { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } };

suite('encryption of objects', ({ test, before, after, beforeEach }) => {
  let server: Awaited<ReturnType<typeof startTestStorage>>;
  let bucket: Bucket;
  let buckets = 0;
  const key = randomBytes(32);
  const keySha256 = createHash('sha256').update(key).digest('base64');

  before(async () => {
    server = await startTestStorage();
  });
  after(() => server.close());
  beforeEach(async () => {
    buckets += 1;
    [bucket] = await server.client().createBucket(`encryption-${buckets}`);
  });

  const restrict = (kind: 'googleManaged' | 'customerManaged' | 'customerSupplied') =>
    bucket.setMetadata({
      encryption: { [`${kind}EncryptionEnforcementConfig`]: { restrictionMode: 'FullyRestricted' } },
    });

  test('a bucket that refuses the kind of encryption answers 412; only the message differs from a lost race', async () => {
    await bucket.file('before').save('x', once);
    const [metadata] = await restrict('googleManaged');
    const config = metadata.encryption?.googleManagedEncryptionEnforcementConfig;
    assert.is(config?.restrictionMode, 'FullyRestricted');
    assert.ok(config?.effectiveTime);
    const refused = await apiFailure(bucket.file('after').save('x', once));
    assert.equal(refused, {
      code: 412,
      reason: 'conditionNotMet',
      message:
        "Requested encryption type for object is not compliant with the bucket's encryption enforcement configuration.",
    });
    assert.is((await apiFailure(bucket.file('after').save('x', { resumable: true }))).code, 412);
    assert.equal(await bucket.file('after').exists(), [false]);
    const raced = await apiFailure(bucket.file('before').save('x', once));
    assert.is(raced.message, 'At least one of the pre-conditions you specified did not hold.');
    assert.is(raced.reason, refused.reason);
    assert.is(String((await bucket.file('before').download())[0]), 'x', 'objects that exist are not touched');
    await bucket.file('keyed', { encryptionKey: key }).save('x', once);
  });

  test('customer-supplied keys can be refused, and customer-managed ones may be', async () => {
    await restrict('customerSupplied');
    await restrict('customerManaged');
    assert.is((await apiFailure(bucket.file('keyed', { encryptionKey: key }).save('x', once))).code, 412);
    await bucket.file('plain').save('x', once);
    const wrong = { googleManagedEncryptionEnforcementConfig: { restrictionMode: 'Sometimes' } };
    assert.equal(await refusalOf(bucket.setMetadata({ encryption: wrong as object })), [400, 'invalid']);
  });

  for (const resumable of [false, true]) {
    test(`an object stored with a customer-supplied key requires it, resumable: ${resumable}`, async () => {
      const file = bucket.file('keyed', { encryptionKey: key });
      await file.save('secret', { resumable });
      const [metadata] = await file.getMetadata();
      assert.equal(metadata.customerEncryption, { encryptionAlgorithm: 'AES256', keySha256 });
      assert.ok(metadata.crc32c && metadata.md5Hash);
      assert.is(String((await file.download())[0]), 'secret');

      const [withoutKey] = await bucket.file('keyed').getMetadata();
      assert.equal([withoutKey.crc32c, withoutKey.md5Hash, withoutKey.size], [undefined, undefined, '6']);
      const [[listed]] = await bucket.getFiles();
      assert.is(listed?.metadata.crc32c, undefined);
      const download = await apiFailure(bucket.file('keyed').download());
      assert.is(download.code, 400);
      assert.is(download.message, 'The target object is encrypted by a customer-supplied encryption key.');
      const other = bucket.file('keyed', { encryptionKey: randomBytes(32) });
      assert.equal(await refusalOf(other.getMetadata()), [400, 'customerEncryptionKeyIsIncorrect']);
      assert.is((await apiFailure(other.download())).code, 400);
      await bucket.file('keyed').delete();
    });
  }

  test('a key for an object without one is refused, like a malformed key', async () => {
    await bucket.file('plain').save('x', once);
    const keyed = bucket.file('plain', { encryptionKey: key });
    assert.equal(await refusalOf(keyed.getMetadata()), [400, 'resourceNotEncryptedWithCustomerEncryptionKey']);
    const right = {
      'x-goog-encryption-algorithm': 'AES256',
      'x-goog-encryption-key': key.toString('base64'),
      'x-goog-encryption-key-sha256': keySha256,
    };
    for (const [change, reason] of [
      [{ 'x-goog-encryption-algorithm': 'AES128' }, 'customerEncryptionAlgorithmIsInvalid'],
      [{ 'x-goog-encryption-key': 'c2hvcnQ=' }, 'customerEncryptionKeyFormatIsInvalid'],
      [{ 'x-goog-encryption-key-sha256': 'AAAA' }, 'customerEncryptionKeySha256IsInvalid'],
    ] as const) {
      const url = `${server.origin}/upload/storage/v1/b/${bucket.name}/o?uploadType=media&name=malformed`;
      const response = await fetch(url, { method: 'POST', body: 'x', headers: { ...right, ...change } });
      assert.is(response.status, 400);
      assert.match(await response.text(), `"reason":"${reason}"`);
    }
    assert.equal(await bucket.file('malformed').exists(), [false]);
  });

  test('Cloud KMS keys are refused: there is no Cloud KMS', async () => {
    const kmsKeyName = 'projects/p/locations/eu/keyRings/r/cryptoKeys/k';
    assert.is((await apiFailure(bucket.file('kms', { kmsKeyName }).save('x', once))).code, 400);
    const defaultKey = bucket.setMetadata({ encryption: { defaultKmsKeyName: kmsKeyName } });
    assert.equal(await refusalOf(defaultKey), [400, 'notImplemented']);
  });
});
