import { spawnSync } from 'node:child_process';
import type { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';
import * as assert from 'uvu/assert';
import { createRedisClient } from '../clients/redis.ts';
import { parseExact } from '../core/lossless-json.ts';
import { Readiness } from '../core/readiness.ts';
import { startRedis } from '../sandbox/redis/start-redis.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { eventually } from '../testing/eventually.ts';
import { fakeFetcher } from '../testing/fake-fetcher.ts';
import { suite } from '../testing/suite.ts';
import { redisCache } from './redis-cache.ts';

const TTL_MS = 100_000;
const MISSING_TTL_MS = 10_000;
const TIMEOUT_MS = 200;
/** Where Redis is well: an answer that is late must not go for none. */
const NEVER_MS = 10_000;

/** What a test has opened: closed after it however it ends, or the file would not end. */
const opened: (() => Promise<unknown>)[] = [];

type Server = NonNullable<Awaited<ReturnType<typeof startRedis>>>;

async function startServer(port?: number): Promise<Server> {
  const server = await startRedis(port === undefined ? {} : { port });
  if (server === undefined) throw new Error('redis-server is not installed');
  opened.push(() => server.close());
  return server;
}

/** A cache in front of a table, over a connected client. */
async function cacheOn(
  server: Server,
  {
    table = { d1: { a: 1, nested: { b: [true, null] } } },
    timeoutMs = NEVER_MS,
  }: { readonly table?: Record<string, Record<string, unknown>>; readonly timeoutMs?: number } = {},
) {
  const readiness = new Readiness();
  const answers: string[] = [];
  const client = createRedisClient(
    { url: `redis://127.0.0.1:${server.port}`, timeoutMs, insecureSkipVerify: false },
    () => {},
  );
  opened.push(async () => client.disconnect());
  await eventually(() => assert.is(client.status, 'ready'));
  const behind = fakeFetcher(table);
  const fetcher = redisCache(behind, {
    client,
    keyPrefix: 'device:',
    ttlMs: TTL_MS,
    missingTtlMs: MISSING_TTL_MS,
    onAnswer: ({ layer, key, found }) => answers.push(`${layer} ${key} ${found}`),
    telemetry: new Telemetry('test', { level: 'silent', processMetrics: false }),
    readiness,
  });
  return { client, fetcher, behind, readiness, answers, get: (key: string) => firstValueFrom(fetcher.fetch(key)) };
}

/** What Redis holds: its text, and how long it will live. */
async function held(client: Redis, key: string): Promise<[string | null, number]> {
  return [await client.get(key), await client.pttl(key)];
}

suite('redis cache', ({ test, skip, beforeEach, afterEach }) => {
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    skip('all of it', 'redis-server is not installed');
    return;
  }
  let server: Server;
  beforeEach(async () => {
    server = await startServer();
  });
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close();
  });

  test('fetches a key once, keeps it as JSON for its time, and answers from Redis then', async () => {
    const { client, get, behind, answers } = await cacheOn(server);
    assert.equal(await get('d1'), { a: 1, nested: { b: [true, null] } });
    await eventually(async () => assert.is((await held(client, 'device:d1'))[0], '{"a":1,"nested":{"b":[true,null]}}'));
    const [, livesMs] = await held(client, 'device:d1');
    assert.ok(livesMs > TTL_MS - 10_000 && livesMs <= TTL_MS, `${livesMs}`);
    assert.equal(await get('d1'), { a: 1, nested: { b: [true, null] } });
    assert.equal(behind.fetched, ['d1']);
    assert.equal(answers, ['redis d1 true']);
  });

  test('numbers keep their digits, and members their names', async () => {
    const data = '{"serial":9007199254740993,"zero":-0.0,"a.b":"dotted","__proto__":{"x":1}}';
    const table: Record<string, Record<string, unknown>> = { d1: Object(parseExact(data)) };
    const { client, get } = await cacheOn(server, { table });
    assert.is(JSON.stringify(await get('d1')), data);
    await eventually(async () => assert.is((await held(client, 'device:d1'))[0], data));
    assert.is(JSON.stringify(await get('d1')), data, 'from Redis');
  });

  test('keeps that a key has no data, for another time', async () => {
    const { client, get, behind, answers } = await cacheOn(server);
    assert.is(await get('nothing'), undefined);
    await eventually(async () => assert.is((await held(client, 'device:nothing'))[0], 'null'));
    const [, livesMs] = await held(client, 'device:nothing');
    assert.ok(livesMs > 0 && livesMs <= MISSING_TTL_MS, `${livesMs}`);
    assert.is(await get('nothing'), undefined);
    assert.equal(behind.fetched, ['nothing']);
    assert.equal(answers, ['redis nothing false']);
  });

  test('what is none of its own in Redis is fetched anew, and replaced', async () => {
    const { client, get, behind } = await cacheOn(server, { table: { d1: { a: 1, nested: { b: [] } } } });
    for (const text of ['{broken', '7', '12345678901234567890', '[1]', '"x"', '']) {
      await client.set('device:d1', text);
      assert.equal(await get('d1'), { a: 1, nested: { b: [] } }, text);
      await eventually(async () => assert.is((await held(client, 'device:d1'))[0], '{"a":1,"nested":{"b":[]}}'));
    }
    assert.is(behind.fetched.length, 6);
  });

  test('a value of another kind under the key is skipped, and does not turn the service red', async () => {
    const { client, get, readiness } = await cacheOn(server);
    await client.del('device:d1');
    await client.lpush('device:d1', 'x');
    assert.equal((await get('d1'))?.a, 1);
    assert.is(readiness.report.components.redis?.state, 'degraded');
    await client.del('device:d1');
  });

  test('invalidating forgets here and behind', async () => {
    const { client, fetcher, behind, get } = await cacheOn(server);
    await get('d1');
    await eventually(async () => assert.ok((await held(client, 'device:d1'))[0]));
    await firstValueFrom(fetcher.invalidate('d1'), { defaultValue: undefined });
    assert.is((await held(client, 'device:d1'))[0], null);
    assert.equal(behind.invalidated, ['d1']);
    await fetcher.close();
    assert.ok(behind.closed());
  });

  test('a Redis that hangs costs one timeout, not one for each lookup', async () => {
    const { client, get, readiness } = await cacheOn(server, { timeoutMs: TIMEOUT_MS });
    await client.call('CLIENT', 'PAUSE', '5000', 'ALL');
    const started = performance.now();
    for (let each = 0; each < 10; each += 1) assert.equal((await get('d1'))?.a, 1);
    assert.ok(performance.now() - started < 9 * TIMEOUT_MS, 'each of ten lookups waited');
    assert.is(readiness.report.components.redis?.state, 'degraded');
  });

  test('while Redis is down it is skipped, green and degraded; when it is back it is used again', async () => {
    const { client, get, fetcher, behind, readiness, answers } = await cacheOn(server, { timeoutMs: TIMEOUT_MS });
    await server.close();
    const started = performance.now();
    for (let each = 0; each < 50; each += 1) assert.equal((await get('d1'))?.a, 1);
    assert.ok(performance.now() - started < 25 * TIMEOUT_MS, 'each of fifty lookups waits for its timeout');
    assert.is(behind.fetched.length, 50);
    assert.equal([readiness.report.ready, readiness.report.degraded], [true, true]);
    await firstValueFrom(fetcher.invalidate('d1'), { defaultValue: undefined });
    assert.equal(behind.invalidated, ['d1'], 'what is behind is invalidated all the same');

    await startServer(server.port);
    await eventually(() => assert.is(client.status, 'ready'));
    await eventually(async () => {
      await get('d1');
      assert.is(answers.at(-1), 'redis d1 true');
    });
    assert.equal([readiness.report.ready, readiness.report.degraded], [true, false]);
  });
});
