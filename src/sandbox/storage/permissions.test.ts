import * as assert from 'uvu/assert';
import { apiFailure } from '../../testing/api-failure.ts';
import { refusalOf, startTestStorage } from '../../testing/storage-client.ts';
import { suite } from '../../testing/suite.ts';
import { Faults } from '../faults/faults.ts';
import { Permissions } from '../permissions.ts';
import { STORAGE_PERMISSIONS } from './permissions.ts';

suite('permissions', ({ test, before, after, beforeEach }) => {
  let server: Awaited<ReturnType<typeof startTestStorage>>;
  const faults = new Faults();
  const permissions = new Permissions([STORAGE_PERMISSIONS]);
  let buckets = 0;
  const once = { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } };
  const newBucket = async () => {
    buckets += 1;
    permissions.deny([]);
    const [bucket] = await server.client().createBucket(`permissions-${buckets}`);
    return bucket;
  };

  before(async () => {
    server = await startTestStorage({ faults, permissions });
  });
  after(() => server.close());
  beforeEach(() => faults.clear());

  test('a caller that may only create can upload, but not read, list, replace or delete', async () => {
    const bucket = await newBucket();
    const others = Object.values(STORAGE_PERMISSIONS).flat();
    permissions.deny(others.filter((name) => name !== 'storage.objects.create'));
    const file = bucket.file('created');
    await file.save('x', once);
    assert.equal(await apiFailure(file.getMetadata()), {
      code: 403,
      reason: 'forbidden',
      message:
        "caller@sandbox.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).",
    });
    assert.is((await apiFailure(file.download())).code, 403);
    const replaced = await apiFailure(file.save('y', { resumable: false }));
    assert.equal([replaced.code, replaced.reason], [403, 'forbidden']);
    assert.match(replaced.message, 'does not have storage.objects.delete access');
    assert.is((await apiFailure(file.save('y', { resumable: true }))).code, 403);
    assert.equal(await refusalOf(file.save('y', once)), [412, 'conditionNotMet'], 'the precondition comes first');
    assert.equal(await refusalOf(file.delete()), [403, 'forbidden']);
    assert.equal(await refusalOf(bucket.getFiles()), [403, 'forbidden']);
    assert.match((await apiFailure(bucket.getMetadata())).message, 'access to the Google Cloud Storage bucket.');
    assert.match((await apiFailure(server.client().createBucket('denied'))).message, 'Google Cloud project.');
  });

  test('a method can be denied by its own name', async () => {
    const bucket = await newBucket();
    permissions.deny(['storage.objects.insert']);
    assert.equal(await refusalOf(bucket.file('x').save('x', once)), [403, 'forbidden']);
    permissions.deny(['storage.objects.create']);
    assert.equal(await refusalOf(bucket.file('x').save('x', once)), [403, 'forbidden']);
    permissions.deny([]);
    await bucket.file('x').save('x', once);
  });

  test('retention of objects requires separate permissions', async () => {
    permissions.deny(['storage.buckets.enableObjectRetention']);
    const create = server.client().createBucket('retaining', { enableObjectRetention: true });
    assert.equal(await refusalOf(create), [403, 'forbidden']);
    permissions.deny([]);
    const [bucket] = await server.client().createBucket('retaining', { enableObjectRetention: true });
    permissions.deny(['storage.objects.setRetention']);
    const retention = { mode: 'Unlocked', retainUntilTime: '2999-01-01T00:00:00Z' };
    const save = bucket.file('x').save('x', { resumable: false, metadata: { retention } });
    assert.equal(await refusalOf(save), [403, 'forbidden']);
    await bucket.file('x').save('x', { resumable: false });
  });

  test('an organization policy, simulated by a fault rule, answers like the service', async () => {
    const bucket = await newBucket();
    const message = 'Request violates constraint constraints/storage.retentionPolicySeconds';
    const rule = { server: 'storage', method: 'storage.objects.insert' } as const;
    const fault = faults.add({ ...rule, error: { code: 412, reason: 'orgPolicyConstraintFailed', message } });
    assert.equal(await apiFailure(bucket.file('x').save('x', once)), {
      code: 412,
      reason: 'orgPolicyConstraintFailed',
      message,
    });
    fault.remove();
    for (const [code, reason] of [
      [412, 'conditionNotMet'],
      ['403', 'forbidden'],
      [429, 'rateLimitExceeded'],
      [503, 'backendError'],
    ] as const) {
      const fault = faults.add({ ...rule, error: { code } });
      assert.equal(await refusalOf(bucket.file('x').save('x', once)), [Number(code), reason]);
      fault.remove();
    }
  });
});
