import type { Bucket, FileMetadata } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { apiFailure } from '../../testing/api-failure.ts';
import { refusalOf, startTestStorage } from '../../testing/storage-client.ts';
import { suite } from '../../testing/suite.ts';

const HOUR_MS = 3_600_000;
const RETAINED = [403, 'retentionPolicyNotMet'];
const HELD = [403, 'objectUnderActiveHold'];

suite('retention and holds', ({ test, before, after, beforeEach }) => {
  let server: Awaited<ReturnType<typeof startTestStorage>>;
  let bucket: Bucket;
  let buckets = 0;
  let now = Date.parse('2026-01-01T00:00:00Z');
  const at = (offset: number) => new Date(now + offset).toISOString();
  const save = (name: string, content = 'x') => bucket.file(name).save(content, { resumable: false });

  before(async () => {
    server = await startTestStorage({ now: () => now });
  });
  after(() => server.close());
  beforeEach(async () => {
    buckets += 1;
    [bucket] = await server.client().createBucket(`retention-${buckets}`, { enableObjectRetention: true });
  });

  test('times and generations come from the clock of the server', async () => {
    await save('timed');
    const [{ timeCreated, generation }] = await bucket.file('timed').getMetadata();
    assert.is(timeCreated, at(0));
    assert.ok(Number(generation) >= now * 1000 && Number(generation) < (now + 1000) * 1000);
    await save('timed');
    const [{ generation: next }] = await bucket.file('timed').getMetadata();
    assert.ok(Number(next) > Number(generation), 'generations grow while the clock is stopped');
  });

  test("a bucket's policy keeps old and new objects until their time", async () => {
    await save('old');
    const [metadata] = await bucket.setRetentionPeriod(3600);
    assert.equal(metadata.retentionPolicy, { retentionPeriod: '3600', effectiveTime: at(0) });
    await save('new');
    for (const name of ['old', 'new']) {
      const file = bucket.file(name);
      const [shown] = await file.getMetadata();
      assert.is(shown.retentionExpirationTime, at(HOUR_MS));
      assert.equal(await refusalOf(file.delete()), RETAINED);
      assert.equal(await refusalOf(save(name, 'other')), RETAINED);
      assert.is((await apiFailure(file.save('other', { resumable: true }))).code, 403);
      await file.setMetadata({ metadata: { still: 'editable' } });
    }
    const { message } = await apiFailure(bucket.file('old').delete());
    assert.match(message, `Object '${bucket.name}/old' is subject to bucket's retention policy`);
    const raced = bucket.file('old').save('x', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
    assert.equal(await refusalOf(raced), [412, 'conditionNotMet'], 'preconditions come first');
    assert.is((await apiFailure(bucket.delete())).code, 409);
    now += HOUR_MS;
    await save('old', 'replaced');
    await bucket.file('new').delete();
    await bucket.removeRetentionPeriod();
    await bucket.file('old').delete();
  });

  test('a locked policy can grow, but not shrink or be removed', async () => {
    assert.equal(await refusalOf(bucket.lock(1)), [400, 'badRequest']);
    await bucket.setRetentionPeriod(100);
    assert.equal(await refusalOf(bucket.lock(1)), [412, 'conditionNotMet']);
    await bucket.lock(2);
    const [{ retentionPolicy }] = await bucket.getMetadata();
    assert.is(retentionPolicy?.isLocked, true);
    assert.equal(await refusalOf(bucket.setRetentionPeriod(99)), [400, 'badRequestException']);
    assert.equal(await refusalOf(bucket.removeRetentionPeriod()), RETAINED);
    const [longer] = await bucket.setRetentionPeriod(101);
    assert.equal([longer.retentionPolicy?.retentionPeriod, longer.retentionPolicy?.isLocked], ['101', true]);
  });

  test('a period is 1 second to 100 years', async () => {
    for (const period of [0, -1, 3_155_760_001, 1.5]) {
      assert.equal(await refusalOf(bucket.setRetentionPeriod(period)), [400, 'invalid'], String(period));
    }
    await bucket.setRetentionPeriod(3_155_760_000);
  });

  test('holds forbid to delete and to replace, whatever the time', async () => {
    await save('held');
    const file = bucket.file('held');
    for (const hold of ['temporaryHold', 'eventBasedHold'] as const) {
      await file.setMetadata({ [hold]: true });
      now += HOUR_MS;
      assert.equal(await refusalOf(file.delete()), HELD);
      assert.equal(await refusalOf(save('held', 'other')), HELD);
      await file.setMetadata({ [hold]: false });
      const [metadata] = await file.getMetadata();
      assert.is(metadata[hold], false);
    }
    await file.delete();
  });

  test('an event-based hold defers the retention: its release starts the period', async () => {
    await bucket.setMetadata({ defaultEventBasedHold: true, retentionPolicy: { retentionPeriod: '3600' } });
    await save('held');
    const file = bucket.file('held');
    const [held] = await file.getMetadata();
    assert.equal([held.eventBasedHold, held.retentionExpirationTime], [true, undefined]);
    now += 2 * HOUR_MS;
    assert.equal(await refusalOf(file.delete()), HELD);
    await file.setMetadata({ eventBasedHold: false });
    const [released] = await file.getMetadata();
    assert.is(released.retentionExpirationTime, at(HOUR_MS));
    assert.equal(await refusalOf(file.delete()), RETAINED);
    now += HOUR_MS;
    await file.delete();
  });

  test('an object is kept until its own time, and a locked one cannot be released', async () => {
    const file = bucket.file('own');
    const retention = { mode: 'Unlocked', retainUntilTime: at(HOUR_MS) } as const;
    await file.save('x', { resumable: false, metadata: { retention } });
    const [metadata] = await file.getMetadata();
    assert.equal(metadata.retention, retention);
    assert.is(metadata.retentionExpirationTime, at(HOUR_MS));
    assert.equal(await refusalOf(file.delete()), RETAINED);
    const shorter = { retention: { mode: 'Unlocked', retainUntilTime: at(1000) } };
    assert.equal(await refusalOf(file.setMetadata(shorter)), [403, 'forbidden']);
    await file.setMetadata(shorter, { overrideUnlockedRetention: true });
    const locked = { retention: { mode: 'Locked', retainUntilTime: at(HOUR_MS) } };
    await file.setMetadata(locked, { overrideUnlockedRetention: true });
    const release = file.setMetadata({ retention: null }, { overrideUnlockedRetention: true });
    assert.equal(await refusalOf(release), [403, 'forbidden']);
    now += HOUR_MS;
    await file.delete();
  });

  test('a retention of an object must be whole, in the future, alone, and enabled in the bucket', async () => {
    const file = bucket.file('own');
    const save = (metadata: object) => file.save('x', { resumable: false, metadata: metadata as FileMetadata });
    const retention = { mode: 'Unlocked', retainUntilTime: at(HOUR_MS) } as const;
    for (const wrong of [
      { retention: { mode: 'Unlocked' } },
      { retention: { ...retention, mode: 'Sealed' } },
      { retention: { ...retention, retainUntilTime: at(-1) } },
      { retention: { ...retention, retainUntilTime: 'tomorrow' } },
      { retention: { ...retention, retainUntilTime: '2999-01-01T00:00:00+05' } },
      { retention, eventBasedHold: true },
    ]) {
      assert.equal(await refusalOf(save(wrong)), [400, 'invalid'], JSON.stringify(wrong));
    }
    [bucket] = await server.client().createBucket(`no-retention-${buckets}`);
    const disabled = bucket.file('own').save('x', { resumable: false, metadata: { retention } });
    assert.equal(await refusalOf(disabled), [400, 'invalid']);
  });

  test('with versioning, retained objects may become noncurrent, and stay', async () => {
    await bucket.setMetadata({ versioning: { enabled: true }, retentionPolicy: { retentionPeriod: '3600' } });
    await save('versioned', '1');
    const [{ generation = 0 }] = await bucket.file('versioned').getMetadata();
    await save('versioned', '2');
    await bucket.file('versioned').delete();
    assert.equal(await refusalOf(bucket.file('versioned', { generation }).delete()), RETAINED);
    now += HOUR_MS;
    await bucket.file('versioned', { generation }).delete();
  });
});
