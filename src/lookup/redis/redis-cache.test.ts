import { firstValueFrom, of, Subject } from 'rxjs';
import * as assert from 'uvu/assert';
import { RetryableError } from '../../core/errors.ts';
import { Readiness } from '../../core/readiness.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { eventually } from '../../testing/eventually.ts';
import { fakeFetcher } from '../../testing/fake-fetcher.ts';
import { hasRedis, type RedisServer, startRedisServer } from '../../testing/redis-server.ts';
import { type Scope, testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { parseExact } from '../../util/json/lossless-json.ts';
import { singleFlight } from '../chain.ts';
import type { Fetcher, LookupData } from '../fetcher.ts';
import { memoryCache } from '../memory-cache.ts';
import { createRedisClient } from './client.ts';
import { redisCache } from './redis-cache.ts';
import { RedisCondition } from './redis-condition.ts';

const TTL_MS = 100_000;
const MISSING_TTL_MS = 10_000;
const TIMEOUT_MS = 200;
/** A long timeout for a healthy Redis, so that a late answer does not count as missing. */
const NEVER_MS = 10_000;

const D1 = { a: 1, nested: { b: [true, null] } };

interface CacheOptions {
  readonly behind?: ReturnType<typeof fakeFetcher>;
  readonly timeoutMs?: number;
  readonly keyPrefix?: string;
}

/** A cache in front of a table, over a connected client. */
async function cacheOn(scope: Scope, { url }: Pick<RedisServer, 'url'>, options: CacheOptions = {}) {
  const { behind = fakeFetcher({ d1: D1 }), timeoutMs = NEVER_MS, keyPrefix = 'device:' } = options;
  const readiness = new Readiness();
  const answers: string[] = [];
  const client = createRedisClient({ url, timeoutMs, cluster: false, insecureSkipVerify: false });
  scope.defer(() => client.disconnect());
  const isReady = () => firstValueFrom(client.state).then((state) => assert.ok(state.isReady));
  await eventually(isReady);
  const telemetry = new Telemetry('test', { level: 'silent', processMetrics: false });
  const fetcher = redisCache(behind, {
    ...{ client, keyPrefix, ttlMs: TTL_MS, missingTtlMs: MISSING_TTL_MS, telemetry },
    onAnswer: ({ layer, key, found }) => answers.push(`${layer} ${key} ${found}`),
    condition: new RedisCondition(readiness, 'degraded'),
  });
  return {
    fetcher,
    behind,
    answers,
    isReady,
    report: () => readiness.report,
    redis: () => readiness.report.components.redis,
    get: (key: string) => firstValueFrom(fetcher.fetch(key)),
    invalidate: (key: string) => firstValueFrom(fetcher.invalidate(key), { defaultValue: undefined }),
    skipped: async () => /cache\.skipped"[^}]*\} (\d+)/.exec(await telemetry.registry.metrics())?.[1] ?? '0',
  };
}

/** Asserts that a promise rejects with an outage whose text matches. */
async function assertOutage(work: Promise<unknown>, text: RegExp): Promise<void> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.instance(thrown, RetryableError);
  assert.match(String(thrown), text);
}

suite('redis cache', (it) => {
  const { test, skip, beforeEach } = it;
  if (!hasRedis) {
    skip('all of it', 'redis-server is not installed');
    return;
  }
  const scope = testScope(it);
  let server: RedisServer;
  beforeEach(async () => {
    server = await startRedisServer(scope);
  });
  /** The value of a key in Redis, and its remaining lifetime. */
  const held = async (key: string) => [await server.admin.get(key), await server.admin.pttl(key)] as const;
  const assertHeld = (key: string, text: string | null) =>
    eventually(async () => assert.is((await held(key))[0], text), { everyMs: 2 });

  test('fetches a key once, stores it as JSON for its TTL, then answers from Redis', async () => {
    const { get, behind, answers } = await cacheOn(scope, server);
    assert.equal(await get('d1'), D1);
    await assertHeld('device:d1', '{"a":1,"nested":{"b":[true,null]}}');
    const [, livesMs] = await held('device:d1');
    assert.ok(livesMs > TTL_MS - 10_000 && livesMs <= TTL_MS, `${livesMs}`);
    assert.equal(await get('d1'), D1);
    assert.equal(behind.fetched, ['d1']);
    assert.equal(answers, ['redis d1 true']);
  });

  test('numbers keep their digits, and members their names', async () => {
    const data = '{"serial":9007199254740993,"zero":-0.0,"a.b":"dotted","__proto__":{"x":1}}';
    const table: Record<string, Record<string, unknown>> = { d1: Object(parseExact(data)) };
    const { get } = await cacheOn(scope, server, { behind: fakeFetcher(table) });
    assert.is(JSON.stringify(await get('d1')), data);
    await assertHeld('device:d1', data);
    assert.is(JSON.stringify(await get('d1')), data, 'from Redis');
  });

  test("caches missing data for its own TTL, under a key that is never a device's record", async () => {
    const { get, behind, answers } = await cacheOn(scope, server);
    assert.is(await get('nothing'), undefined);
    await assertHeld('device-none:nothing', 'no data');
    const [, livesMs] = await held('device-none:nothing');
    assert.ok(livesMs > 0 && livesMs <= MISSING_TTL_MS, `${livesMs}`);
    assert.is(await get('nothing'), undefined);
    assert.equal(behind.fetched, ['nothing']);
    assert.equal(answers, ['redis nothing false']);
    assert.equal(await server.admin.keys('device:*'), []);
  });

  test('marks of one prefix are not records of another', async () => {
    for (const keyPrefix of ['device:', 'device-', 'device_', 'd']) {
      await server.admin.flushall();
      const { get } = await cacheOn(scope, server, { keyPrefix });
      await get('x');
      const mark = await eventually(async () => {
        const [key] = await server.admin.keys('*');
        assert.ok(key);
        return String(key);
      });
      assert.not.ok(mark.startsWith(keyPrefix), `${mark} is a separate device's record`);
    }
  });

  test('keeps any value that others stored under its keys', async () => {
    const { get, behind, report } = await cacheOn(scope, server);
    const texts = ['{broken', '7', '12345678901234567890', '[1]', '"x"', '', 'null'];
    for (const text of texts) {
      await server.admin.set('device:d1', text);
      await server.admin.set('device-none:new', text);
      assert.equal(await get('d1'), D1, text);
      assert.is(await get('new'), undefined);
      assert.equal(await held('device:d1'), [text, -1]);
      assert.equal(await held('device-none:new'), [text, -1]);
    }
    assert.is(behind.fetched.length, 2 * texts.length);
    assert.equal(report().degraded, false);
  });

  test('a key of another type affects only that key', async () => {
    const { get, answers, report, skipped } = await cacheOn(scope, server, {
      behind: fakeFetcher({ d1: D1, d2: { b: 2 } }),
    });
    await server.admin.lpush('device:d1', 'x');
    await server.admin.set('device:d2', '{"b":2}');
    for (let each = 0; each < 5; each += 1) {
      assert.equal(await get('d1'), D1);
      assert.equal(await get('d2'), { b: 2 });
    }
    assert.equal(answers, Array(5).fill('redis d2 true'));
    assert.is(await skipped(), '5');
    assert.is(report().degraded, false);
    assert.equal(await server.admin.lrange('device:d1', 0, -1), ['x']);
  });

  test('keeps a record stored while the next layer is fetching', async () => {
    for (const fetched of [{ old: true }, undefined]) {
      await server.admin.flushall();
      const answer = new Subject<LookupData | undefined>();
      const { get, behind } = await cacheOn(scope, server, { behind: fakeFetcher({}, () => answer) });
      const looking = get('d1');
      await eventually(() => assert.is(behind.fetched.length, 1));
      await server.admin.set('device:d1', '{"registered":"meanwhile"}');
      answer.next(fetched);
      answer.complete();
      assert.equal(await looking, fetched);
      // Sent after the cache's write, on the same connection.
      assert.equal(await get('d1'), { registered: 'meanwhile' });
      assert.equal(await held('device:d1'), ['{"registered":"meanwhile"}', -1]);
    }
  });

  for (const kind of ['OOM', 'READONLY'] as const) {
    test(`refused writes do not close it (${kind}); the cause stays until one succeeds`, async () => {
      const known = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`d${n}`, { n }]));
      const { get, answers, redis, report } = await cacheOn(scope, server, { behind: fakeFetcher(known) });
      for (const [key, data] of Object.entries(known)) await server.admin.set(`device:${key}`, JSON.stringify(data));
      if (kind === 'READONLY') await server.admin.replicaof('127.0.0.1', '1');
      else await server.admin.config('SET', 'maxmemory', '1');
      for (const key of Object.keys(known)) {
        await get(`unknown-${key}`);
        await get(key);
      }
      assert.is(answers.length, 20, 'answered by Redis');
      await eventually(() => assert.match(redis()?.detail ?? '', new RegExp(`^writes are refused: ${kind} `)));
      await get('d1');
      assert.is(redis()?.state, 'degraded', 'a read that succeeds says nothing of writes');
      assert.is(report().ready, true);

      if (kind === 'READONLY') await server.admin.replicaof('NO', 'ONE');
      else await server.admin.config('SET', 'maxmemory', '0');
      await eventually(async () => {
        await get('another');
        assert.is(redis()?.state, 'ok');
      });
    });
  }

  test('a refused read does not close it, and reports its cause', async () => {
    const { get, answers, redis, report } = await cacheOn(scope, server);
    await server.admin.set('device:d1', '{}');
    await server.admin.acl('SETUSER', 'default', '-get');
    assert.equal(await get('d1'), D1);
    assert.match(redis()?.detail ?? '', /NOPERM .*this ACL user needs GET/);
    assert.is(report().ready, true);
    await server.admin.acl('SETUSER', 'default', '+get');
    assert.equal(await get('d1'), {});
    assert.equal(answers, ['redis d1 true']);
    assert.is(redis()?.state, 'ok');
  });

  test('does not look up a key that Redis would confuse with another', async () => {
    const { get, answers } = await cacheOn(scope, server);
    await server.admin.set('device:\ufffd', '{"of":"another device"}');
    assert.is(await get('\ud800'), undefined);
    assert.equal(answers, []);
  });

  test('invalidates itself and the next layer', async () => {
    const { fetcher, behind, get, invalidate } = await cacheOn(scope, server);
    await get('d1');
    await get('none');
    await assertHeld('device-none:none', 'no data');
    await invalidate('d1');
    await invalidate('none');
    assert.equal(await server.admin.keys('*'), []);
    assert.equal(behind.invalidated, ['d1', 'none']);
    await fetcher.close();
    assert.ok(behind.closed());
  });

  /** The layers of a service, in front of a layer that the test answers. */
  async function chainOn() {
    const asked: Subject<LookupData | undefined>[] = [];
    const behind = fakeFetcher({}, () => {
      const answer = new Subject<LookupData | undefined>();
      asked.push(answer);
      return answer;
    });
    const cache = await cacheOn(scope, server, { behind });
    const chain: Fetcher = memoryCache(singleFlight(cache.fetcher), {
      ...{ maxEntries: 10, maxBytes: 1e6, ttlMs: TTL_MS, missingTtlMs: TTL_MS, onAnswer: () => {} },
      telemetry: new Telemetry('memory', { level: 'silent', processMetrics: false }),
    });
    const get = (key: string) => firstValueFrom(chain.fetch(key));
    const answered = async (index: number, data: LookupData) => {
      await eventually(() => assert.ok(asked[index]), { everyMs: 2 });
      asked[index]?.next(data);
      asked[index]?.complete();
    };
    return { ...cache, chain, get, answered, asked };
  }

  test('an invalidation wins over a lookup in progress', async () => {
    const { chain, get, answered, asked } = await chainOn();
    const old = get('d1');
    await eventually(() => assert.is(asked.length, 1), { everyMs: 2 });
    await firstValueFrom(chain.invalidate('d1'), { defaultValue: undefined });
    await answered(0, { version: 'old' });
    assert.equal(await old, { version: 'old' });
    const fresh = get('d1');
    await answered(1, { version: 'new' });
    assert.equal(await fresh, { version: 'new' });
    await assertHeld('device:d1', '{"version":"new"}');
    assert.equal(await get('d1'), { version: 'new' });
  });

  test('a lookup during a deletion neither returns nor stores old data', async () => {
    const { chain, get, answered, asked } = await chainOn();
    await server.admin.set('device:d1', '{"version":"old"}');
    // Pauses writes only.
    await server.admin.call('CLIENT', 'PAUSE', '10000', 'WRITE');
    const invalidated = firstValueFrom(chain.invalidate('d1'), { defaultValue: undefined });
    const during = get('d1');
    await answered(0, { version: 'new' });
    assert.equal(await during, { version: 'new' });
    await server.admin.call('CLIENT', 'UNPAUSE');
    await invalidated;
    await assertHeld('device:d1', null);
    assert.equal(await get('d1'), { version: 'new' }, 'memory');
    assert.is(asked.length, 1);
  });

  test('an invalidation also deletes a pending write', async () => {
    const { chain, get, answered } = await chainOn();
    await server.admin.call('CLIENT', 'PAUSE', '10000', 'WRITE');
    const old = get('d1');
    await answered(0, { version: 'old' });
    await old;
    const invalidated = firstValueFrom(chain.invalidate('d1'), { defaultValue: undefined });
    await server.admin.call('CLIENT', 'UNPAUSE');
    await invalidated;
    assert.equal(await server.admin.keys('*'), []);
  });

  test('an invalidation that Redis refuses or does not answer is an error', async () => {
    const { get, invalidate, behind, isReady } = await cacheOn(scope, server, { timeoutMs: TIMEOUT_MS });
    await get('d1');
    await eventually(async () => assert.ok((await held('device:d1'))[0]));
    await server.admin.acl('SETUSER', 'default', '-del');
    await assertOutage(invalidate('d1'), /redis: NOPERM /);
    assert.ok((await held('device:d1'))[0]);
    await server.end();
    await eventually(async () => assert.is(await isReady().catch(() => 'away'), 'away'));
    await assertOutage(invalidate('d1'), /redis: /);
    assert.equal(behind.invalidated, ['d1', 'd1'], 'later layers are still invalidated');
  });

  test('a Redis that hangs costs one timeout, not one for each lookup', async () => {
    const { get, redis } = await cacheOn(scope, server, { timeoutMs: TIMEOUT_MS });
    await server.admin.call('CLIENT', 'PAUSE', '5000', 'ALL');
    const started = performance.now();
    for (let each = 0; each < 10; each += 1) assert.equal((await get('d1'))?.a, 1);
    assert.ok(performance.now() - started < 9 * TIMEOUT_MS, 'each of ten lookups waited');
    assert.equal(redis(), { state: 'degraded', detail: `skipped: no answer within ${TIMEOUT_MS} ms` });
  });

  test('skips Redis while it is down, ready but degraded, and uses it again afterwards', async () => {
    const { get, behind, redis, report, answers } = await cacheOn(scope, server, {
      timeoutMs: TIMEOUT_MS,
      behind: fakeFetcher({}, () => of(D1)),
    });
    await server.end();
    const started = performance.now();
    for (let each = 0; each < 50; each += 1) assert.equal((await get('d1'))?.a, 1);
    assert.ok(performance.now() - started < 25 * TIMEOUT_MS, 'each of fifty lookups waits for its timeout');
    assert.is(behind.fetched.length, 50);
    assert.equal([report().ready, report().degraded], [true, true]);
    await eventually(async () => {
      await get('d1');
      assert.equal(redis()?.detail, `skipped: connect ECONNREFUSED 127.0.0.1:${server.port}`);
    });

    await startRedisServer(scope, { port: server.port });
    await eventually(() => assert.is(redis()?.state, 'ok'));
    await eventually(async () => {
      await get('d1');
      assert.is(answers.at(-1), 'redis d1 true');
    });
    assert.equal([report().ready, report().degraded], [true, false]);
  });
});
