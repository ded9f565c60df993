import { firstValueFrom } from 'rxjs';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { Readiness } from '../core/readiness.ts';
import { startRedis } from '../sandbox/redis/start-redis.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { eventually } from '../testing/eventually.ts';
import { testScope } from '../testing/scope.ts';
import { suite } from '../testing/suite.ts';
import { lookupChain } from './chain.ts';
import { lookupSchema } from './config.ts';
import type { LookupData } from './fetcher.ts';
import { createRedisClient } from './redis/client.ts';

const DOCUMENTS = 100;
const LARGE = 'x'.repeat(300_000);
const KEYS = Array.from({ length: DOCUMENTS }, (_, index) => `d${index}`);

suite('lookup chain', (it) => {
  const { test } = it;
  const scope = testScope(it);

  /** A chain of memory and a Redis that holds large documents. */
  async function start(select?: (data: LookupData) => LookupData) {
    const server = await startRedis({});
    if (server === undefined) throw new Error('redis-server is not installed');
    scope.use(server);
    const url = `redis://127.0.0.1:${server.port}`;
    const config = v.parse(lookupSchema, { memory: { maxBytes: 3_100_000 }, redis: { url, timeoutMs: 10_000 } });
    const redis = createRedisClient({ url, timeoutMs: 10_000, cluster: false, insecureSkipVerify: false });
    scope.defer(() => redis.disconnect());
    await eventually(async () => assert.ok((await firstValueFrom(redis.state)).isReady));
    const record = (key: string) => JSON.stringify({ ClientID: `client of ${key}`, LARGE });
    for (const key of KEYS) await redis.setNew(key, record(key), 600_000);
    const telemetry = new Telemetry('test', { level: 'silent', processMetrics: false });
    const layers: string[] = [];
    const chain = lookupChain({
      ...{ config, redis, firestore: undefined, fetcher: undefined, select, telemetry, readiness: new Readiness() },
      hooks: { timeoutMs: 1_000, concurrency: 1 },
      onAnswer: ({ layer }) => layers.push(layer),
    });
    const get = async (key: string) => (await firstValueFrom(chain.fetch(key))) ?? {};
    return { get, layers, redis, telemetry };
  }

  test('memory holds the selected part of each document, Redis the whole', async () => {
    const { get, layers, redis } = await start(({ ClientID }) => ({ ClientID }));
    for (const _ of ['redis', 'memory']) {
      for (const key of KEYS) assert.equal(await get(key), { ClientID: `client of ${key}` });
    }
    assert.equal(layers, [...KEYS.map(() => 'redis'), ...KEYS.map(() => 'memory')]);
    assert.ok((await redis.get('d0'))?.includes(LARGE));
  });

  test('memory holds as many as its limit allows if whole documents are needed', async () => {
    const { get, layers, telemetry } = await start();
    for (const key of KEYS) assert.is((await get(key)).LARGE, LARGE);
    const metrics = await telemetry.registry.metrics();
    assert.match(metrics, /dataflow_cache_entries{[^}]*} 10\n/);
    await get('d99');
    await get('d0');
    assert.equal(layers.slice(DOCUMENTS), ['memory', 'redis']);
  });
});
