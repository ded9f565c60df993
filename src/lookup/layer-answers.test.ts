import { filter, firstValueFrom } from 'rxjs';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { Readiness } from '../core/readiness.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { hasRedis, type RedisServer, startRedisServer } from '../testing/redis-server.ts';
import { testScope } from '../testing/scope.ts';
import { suite } from '../testing/suite.ts';
import type { ChainOptions } from './chain.ts';
import { lookupSchema } from './config.ts';
import type { FetcherHook } from './hook-fetcher.ts';
import { askLayers, forgetInLayers, type LayerAnswer } from './layer-answers.ts';
import { createRedisClient } from './redis/client.ts';

suite('answers of each layer', (it) => {
  const { test, skip } = it;
  const scope = testScope(it);
  if (!hasRedis) {
    skip('all of it', 'redis-server is not installed');
    return;
  }

  async function layersOn({ url }: RedisServer, settings: object, fetcher?: FetcherHook): Promise<ChainOptions> {
    const config = v.parse(lookupSchema, { redis: { url, ...settings } });
    const redis = createRedisClient({ url, timeoutMs: 10_000, cluster: false, insecureSkipVerify: false });
    scope.defer(() => redis.disconnect());
    await firstValueFrom(redis.state.pipe(filter(({ isReady }) => isReady)));
    return {
      ...{ config, redis, firestore: undefined, fetcher, onAnswer: () => {}, readiness: new Readiness() },
      hooks: { timeoutMs: 1_000, concurrency: 1 },
      telemetry: new Telemetry('test', { level: 'silent', processMetrics: false }),
    };
  }
  const inWords = (answers: readonly LayerAnswer[]) =>
    answers.map(({ layer, place, answer, data, error }) =>
      [layer, place, error ?? answer, ...(data === undefined ? [] : [JSON.stringify(data)])].join(' '),
    );

  test('a cache reports its own answer, whatever the next layer has', async () => {
    const server = await startRedisServer(scope);
    const { admin } = server;
    await admin.set('dataflow:device:d1', '{"name":"old"}', 'PX', 60_000);
    await admin.set('dataflow:device-none:d2', 'no data', 'PX', 60_000);
    await admin.set('dataflow:device:d3', 'foreign');
    const layers = await layersOn(server, {}, (key) => (key === 'd2' ? undefined : { of: key }));
    const asked = async (key: string) => inWords(await askLayers(layers, key));
    assert.equal(await asked('d1'), [
      'redis dataflow:device:d1 data {"name":"old"}',
      'fetcher hooks.ts data {"of":"d1"}',
    ]);
    assert.equal(await asked('d2'), ['redis dataflow:device:d2 known to have no data', 'fetcher hooks.ts no data']);
    assert.equal((await asked('d3'))[0], 'redis dataflow:device:d3 not a record of this cache');
    assert.equal((await asked('d4'))[0], 'redis dataflow:device:d4 nothing');
    const [record] = await askLayers(layers, 'd1');
    assert.ok((record?.expiresInMs ?? 0) > 50_000);

    const behind = 'fetcher hooks.ts nothing to invalidate: this layer provides the data';
    for (const key of ['d1', 'd2']) {
      assert.equal(inWords(await forgetInLayers(layers, key)), [`redis dataflow:device:${key} forgotten`, behind]);
      assert.equal(inWords(await forgetInLayers(layers, key)), [`redis dataflow:device:${key} held nothing`, behind]);
    }
    await admin.acl('SETUSER', 'default', '-del');
    assert.match(inWords(await forgetInLayers(layers, 'd3'))[0] ?? '', /^redis dataflow:device:d3 NOPERM /);
    assert.equal(await admin.keys('*'), ['dataflow:device:d3']);
  });

  test('a registry is queried under its own keys, and never invalidated', async () => {
    const server = await startRedisServer(scope);
    await server.admin.set('device:d1', '{"name":"x"}');
    const layers = await layersOn(server, { keyPrefix: 'device:' });
    assert.equal(inWords(await askLayers(layers, 'd1')), ['redis device:d1 data {"name":"x"}']);
    await forgetInLayers(layers, 'd1');
    assert.is(await server.admin.get('device:d1'), '{"name":"x"}');
    await server.admin.acl('SETUSER', 'default', '-get');
    assert.match(inWords(await askLayers(layers, 'd1')).join(), /^redis device:d1 redis: NOPERM /);
  });
});
