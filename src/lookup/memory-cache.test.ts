import { firstValueFrom, throwError } from 'rxjs';
import * as assert from 'uvu/assert';
import { RetryableError } from '../core/errors.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { eventually } from '../testing/eventually.ts';
import { type FakeFetcher, fakeFetcher } from '../testing/fake-fetcher.ts';
import { suite } from '../testing/suite.ts';
import { type MemoryCacheOptions, memoryCache } from './memory-cache.ts';

const LONG_MS = 3_600_000;

type Options = Partial<Pick<MemoryCacheOptions, 'maxEntries' | 'maxBytes' | 'ttlMs' | 'missingTtlMs'>>;

function cache(behind: FakeFetcher, options: Options = {}) {
  const answers: string[] = [];
  const telemetry = new Telemetry('test', { level: 'silent', processMetrics: false });
  const fetcher = memoryCache(behind, {
    maxEntries: 10,
    maxBytes: 1_000_000,
    ttlMs: LONG_MS,
    missingTtlMs: LONG_MS,
    ...options,
    telemetry,
    onAnswer: ({ layer, key, found }) => answers.push(`${layer} ${key} ${found}`),
  });
  return { answers, telemetry, fetcher, get: (key: string) => firstValueFrom(fetcher.fetch(key)) };
}

suite('memory cache', ({ test }) => {
  test('fetches a key once, then answers from memory', async () => {
    const behind = fakeFetcher({ d1: { a: 1 } });
    const { get, answers } = cache(behind);
    assert.equal(await get('d1'), { a: 1 });
    assert.equal(answers, [], 'the answer was not its own');
    assert.equal(await get('d1'), { a: 1 });
    assert.equal(behind.fetched, ['d1']);
    assert.equal(answers, ['memory d1 true']);
  });

  test('peek returns only what it holds', async () => {
    const { fetcher, get, answers } = cache(fakeFetcher({ d1: { a: 1 } }));
    assert.is(fetcher.peek?.('d1'), undefined, 'it would have to wait');
    await get('d1');
    await get('missing');
    assert.equal(fetcher.peek?.('d1'), { a: 1 });
    assert.is(fetcher.peek?.('missing'), undefined);
    assert.equal(answers, ['memory d1 true']);
    fetcher.invalidate('d1').subscribe();
    assert.is(fetcher.peek?.('d1'), undefined);
  });

  test('caches that a key has no data', async () => {
    const behind = fakeFetcher({});
    const { get, answers } = cache(behind);
    assert.equal([await get('x'), await get('x')], [undefined, undefined]);
    assert.equal(behind.fetched, ['x']);
    assert.equal(answers, ['memory x false']);
  });

  test('data and missing data expire after their own TTLs', async () => {
    for (const [key, times, kept] of [
      ['d1', { ttlMs: 5 }, 'missing'],
      ['missing', { missingTtlMs: 5 }, 'd1'],
    ] as const) {
      const behind = fakeFetcher({ d1: { a: 1 } });
      const { get } = cache(behind, times);
      await get(key);
      await get(kept);
      await eventually(async () => {
        await get(key);
        assert.ok(behind.fetched.filter((each) => each === key).length > 1);
      });
      await get(kept);
      assert.is(behind.fetched.filter((each) => each === kept).length, 1);
    }
  });

  test('evicts the least recently used key first', async () => {
    const behind = fakeFetcher({ a: {}, b: {}, c: {} });
    const { get } = cache(behind, { maxEntries: 2 });
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await get(key);
    assert.equal(behind.fetched, ['a', 'b', 'c', 'b']);
  });

  test('stays within its bytes by evicting the least recently used key', async () => {
    const table = Object.fromEntries(['a', 'b', 'c'].map((key) => [key, { text: key.repeat(300_000) }]));
    const behind = fakeFetcher(table);
    const { get, telemetry } = cache(behind, { maxBytes: 700_000 });
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await get(key);
    assert.equal(behind.fetched, ['a', 'b', 'c', 'b']);
    const metrics = await telemetry.registry.metrics();
    assert.match(metrics, /dataflow_cache_entries{[^}]*} 2\n/);
    const [, taken] = /dataflow_cache_size_bytes{layer="memory"[^}]*} (\d+)/.exec(metrics) ?? [];
    assert.ok(Number(taken) > 600_000 && Number(taken) < 602_000, `${taken} bytes`);
    assert.match(metrics, /dataflow_cache_limit_bytes{layer="memory"[^}]*} 700000\n/);
  });

  test('passes on data larger than its limit without caching it', async () => {
    const behind = fakeFetcher({ small: { a: 1 }, large: { text: 'x'.repeat(2_000) } });
    const { get } = cache(behind, { maxBytes: 2_000 });
    for (const key of ['small', 'large', 'large', 'small']) await get(key);
    assert.equal(behind.fetched, ['small', 'large', 'large']);
  });

  test('keys without data take bytes too', async () => {
    const behind = fakeFetcher({});
    const { get } = cache(behind, { maxBytes: 2_000 });
    for (const key of ['a', 'b', 'c'].map((each) => each.repeat(700))) await get(key);
    await get('a'.repeat(700));
    assert.is(behind.fetched.length, 4);
  });

  test('does not cache a failed fetch', async () => {
    let failing = true;
    const behind = fakeFetcher({}, () => throwError(() => new RetryableError('down')));
    const { get } = cache(behind);
    for (let each = 0; each < 2; each += 1) {
      await get('d1').catch((error) => {
        failing = error instanceof RetryableError;
      });
    }
    assert.ok(failing);
    assert.is(behind.fetched.length, 2);
  });

  test('fetches on each subscription only', async () => {
    const behind = fakeFetcher({ d1: {} });
    const { fetcher } = cache(behind);
    const pending = fetcher.fetch('d1');
    assert.equal(behind.fetched, []);
    await firstValueFrom(pending);
    assert.equal(behind.fetched, ['d1']);
  });

  test('invalidates itself and the next layer; closes the next layer', async () => {
    const behind = fakeFetcher({ d1: {} });
    const { get, fetcher } = cache(behind);
    await get('d1');
    await firstValueFrom(fetcher.invalidate('d1'), { defaultValue: undefined });
    await get('d1');
    assert.equal(behind.fetched, ['d1', 'd1']);
    assert.equal(behind.invalidated, ['d1']);
    await fetcher.close();
    assert.ok(behind.closed());
  });
});
