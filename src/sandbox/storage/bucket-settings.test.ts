import type { CreateBucketRequest, Storage } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { apiFailure } from '../../testing/api-failure.ts';
import { refusalOf, startTestStorage } from '../../testing/storage-client.ts';
import { suite } from '../../testing/suite.ts';

const INVALID = [400, 'invalid'];
const NOT_IMPLEMENTED = [400, 'notImplemented'];
const DAY_MS = 86_400_000;

suite('settings of buckets', ({ test, before, after, beforeEach }) => {
  let server: Awaited<ReturnType<typeof startTestStorage>>;
  let storage: Storage;
  let buckets = 0;
  let now = Date.parse('2026-01-01T00:00:00Z');
  const create = async (settings: object = {}) => {
    buckets += 1;
    const [bucket] = await storage.createBucket(`settings-${buckets}`, settings as CreateBucketRequest);
    return bucket;
  };
  const remove = { action: { type: 'Delete' }, condition: { age: 1 } };

  before(async () => {
    server = await startTestStorage({ now: () => now });
  });
  after(() => server.close());
  beforeEach(() => {
    storage = server.client();
  });

  test('a name that the service refuses is refused', async () => {
    const refused = [
      ...['no', 'x'.repeat(64), 'Upper', 'with space', 'ümlaut', '-edge', 'edge-', '_edge', 'a/b'],
      ...['a..b', 'a.-b', 'a-.b', '.ab', 'ab.', '192.168.5.4', `${'x'.repeat(64)}.com`],
      ...['goog-bucket', 'googbucket', 'my-google-bucket', 'my-g00gle', 'go0gle-data'],
      Array.from({ length: 4 }, () => 'x'.repeat(60)).join('.'),
    ];
    for (const name of refused) assert.equal(await refusalOf(storage.createBucket(name)), INVALID, name);
    const allowed = ['abc', '1-2_3', 'x'.repeat(63), `${'x'.repeat(63)}.example.com`, 'the-good-bucket', '192.168.5.x'];
    for (const name of allowed) await storage.createBucket(name);
  });

  test('an invalid value is refused', async () => {
    for (const settings of [
      { storageClass: 'FAST' },
      { storageClass: 'standard' },
      { location: 'Atlantis' },
      { location: 'europe-west' },
      { rpo: 'NEVER' },
      { rpo: 'ASYNC_TURBO' },
      { iamConfiguration: { publicAccessPrevention: 'sometimes' } },
      { iamConfiguration: { uniformBucketLevelAccess: { enabled: 'yes' } } },
      { autoclass: { enabled: false, terminalStorageClass: 'STANDARD' } },
      { versioning: { enabled: 'on' } },
      { billing: { requesterPays: 'me' } },
      { labels: { Upper: 'x' } },
      { labels: { key: 'Not lower' } },
      { labels: { key: 'x'.repeat(64) } },
      { labels: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 'v'])) },
      { lifecycle: { rule: [{ ...remove, action: { type: 'Shred' } }] } },
      { lifecycle: { rule: [{ ...remove, action: { type: 'SetStorageClass', storageClass: 'FAST' } }] } },
      { lifecycle: { rule: [{ ...remove, condition: { age: -1 } }] } },
      { lifecycle: { rule: [{ ...remove, condition: { matchesStorageClass: ['FAST'] } }] } },
      { lifecycle: { rule: [{ ...remove, condition: { createdBefore: 'yesterday' } }] } },
      { lifecycle: { rule: [{ ...remove, condition: { older: 1 } }] } },
      { lifecycle: { rule: [{ ...remove, condition: {} }] } },
    ]) {
      assert.equal(await refusalOf(create(settings)), INVALID, JSON.stringify(settings));
      const bucket = await create();
      assert.equal(
        await refusalOf(bucket.setMetadata(settings as CreateBucketRequest)),
        INVALID,
        JSON.stringify(settings),
      );
    }
  });

  test('a setting without effect in the sandbox is refused, not just stored', async () => {
    for (const settings of [
      { autoclass: { enabled: true } },
      { acl: [{ entity: 'allUsers', role: 'READER' }] },
      { defaultObjectAcl: [{ entity: 'allUsers', role: 'READER' }] },
      { logging: { logBucket: 'logs' } },
      { hierarchicalNamespace: { enabled: true } },
      { customPlacementConfig: { dataLocations: ['US-EAST1', 'US-WEST1'] } },
      { softDeletePolicy: { retentionDurationSeconds: '604800' } },
    ]) {
      assert.equal(await refusalOf(create(settings)), NOT_IMPLEMENTED, JSON.stringify(settings));
    }
  });

  test('lifecycle rules are stored and shown', async () => {
    const rule = [
      remove,
      { action: { type: 'SetStorageClass', storageClass: 'NEARLINE' }, condition: { matchesPrefix: ['raw/'] } },
      { action: { type: 'AbortIncompleteMultipartUpload' }, condition: { age: 7 } },
    ];
    const bucket = await create({ lifecycle: { rule } });
    assert.equal((await bucket.getMetadata())[0].lifecycle, { rule });
    await bucket.setMetadata({ lifecycle: null });
    assert.is((await bucket.getMetadata())[0].lifecycle, undefined);
  });

  test('a location has a type, and cannot be changed', async () => {
    for (const [location, type] of [
      ['EU', 'multi-region'],
      ['nam4', 'dual-region'],
      ['europe-west12', 'region'],
      ['ME-CENTRAL2', 'region'],
    ]) {
      const bucket = await create({ location });
      const [metadata] = await bucket.getMetadata();
      assert.equal([metadata.location, metadata.locationType], [location?.toUpperCase(), type]);
      assert.equal(await refusalOf(bucket.setMetadata({ location: 'ASIA' })), INVALID);
    }
  });

  test('ACLs are refused with uniform access, and by the sandbox without it; its lock ends after 90 days', async () => {
    const bucket = await create();
    const ofObject = (predefinedAcl: string) =>
      bucket.file('x').save('x', { resumable: false, predefinedAcl: predefinedAcl as 'private' });
    assert.equal(await refusalOf(ofObject('publicRead')), NOT_IMPLEMENTED);
    assert.equal(await refusalOf(ofObject('everybody')), [400, 'invalidParameter']);
    assert.equal(await refusalOf(bucket.setMetadata({}, { predefinedAcl: 'publicRead' })), NOT_IMPLEMENTED);
    await bucket.setMetadata({ iamConfiguration: { uniformBucketLevelAccess: { enabled: true } } });
    const [{ iamConfiguration }] = await bucket.getMetadata();
    const lockedTime = new Date(now + 90 * DAY_MS).toISOString();
    assert.equal(iamConfiguration?.uniformBucketLevelAccess, { enabled: true, lockedTime });
    assert.is(iamConfiguration?.publicAccessPrevention, 'inherited');
    const refused = await apiFailure(ofObject('publicRead'));
    assert.equal([refused.code, refused.reason], [400, 'badRequest']);
    assert.match(
      refused.message,
      'Cannot insert legacy ACL for an object when uniform bucket-level access is enabled.',
    );
    const withAcl = bucket.file('x').save('x', { resumable: true, metadata: { acl: [] } });
    assert.is((await apiFailure(withAcl)).code, 400);
    assert.equal(await bucket.file('x').exists(), [false]);
    const [{ iamConfiguration: older }] = await (
      await create({ iamConfiguration: { bucketPolicyOnly: { enabled: true } } })
    ).getMetadata();
    assert.is(older?.uniformBucketLevelAccess?.enabled, true, 'by its older name');
    now += 90 * DAY_MS;
    const disable = bucket.setMetadata({ iamConfiguration: { uniformBucketLevelAccess: { enabled: false } } });
    assert.equal(await refusalOf(disable), [400, 'badRequest']);
    const predefined = storage.createBucket('predefined-acl', { predefinedDefaultObjectAcl: 'everybody' as 'private' });
    assert.equal(await refusalOf(predefined), [400, 'invalidParameter']);
  });

  test('a caller that does not own a bucket with requester pays names a project', async () => {
    const bucket = await create({ requesterPays: true });
    const payer = storage.bucket(bucket.name, { userProject: 'payer-project' });
    assert.equal(await apiFailure(bucket.getMetadata()), {
      code: 400,
      reason: 'required',
      message: 'Bucket is a requester pays bucket but no user project provided.',
    });
    for (const resumable of [false, true]) {
      assert.is((await apiFailure(bucket.file('x').save('x', { resumable }))).code, 400);
      await payer.file('x').save('x', { resumable });
    }
    assert.is((await apiFailure(bucket.file('x').download())).code, 400);
    assert.is(String((await payer.file('x').download({ userProject: 'payer-project' }))[0]), 'x');
    assert.equal((await payer.getFiles())[0].length, 1);
    const invalidPayer = storage.bucket(bucket.name, { userProject: 'Not A Project' });
    assert.equal(await refusalOf(invalidPayer.getMetadata()), [400, 'userProjectInvalid']);
    await payer.disableRequesterPays();
    await bucket.file('x').delete();
  });
});
