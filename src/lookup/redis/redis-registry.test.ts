import { firstValueFrom } from 'rxjs';
import * as assert from 'uvu/assert';
import { RetryableError } from '../../core/errors.ts';
import { Readiness } from '../../core/readiness.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { eventually } from '../../testing/eventually.ts';
import { hasRedis, startRedisServer } from '../../testing/redis-server.ts';
import { testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { checkRedis } from './check.ts';
import { createRedisClient } from './client.ts';
import { RedisCondition } from './redis-condition.ts';
import { redisRegistry } from './redis-registry.ts';

suite('redis registry', (it) => {
  const { test, skip } = it;
  if (!hasRedis) {
    skip('all of it', 'redis-server is not installed');
    return;
  }
  const scope = testScope(it);

  async function open(keyPrefix: string) {
    const server = await startRedisServer(scope);
    const client = createRedisClient({ url: server.url, timeoutMs: 200, cluster: false, insecureSkipVerify: false });
    scope.defer(() => client.disconnect());
    const readiness = new Readiness();
    const answers: string[] = [];
    const fetcher = redisRegistry({
      ...{ client, keyPrefix, condition: new RedisCondition(readiness, 'failing') },
      onAnswer: ({ layer, key, found }) => answers.push(`${layer} ${key} ${found}`),
      telemetry: new Telemetry('test', { level: 'silent', processMetrics: false }),
    });
    const get = (key: string) => firstValueFrom(fetcher.fetch(key));
    const check = () => checkRedis({ client, keyPrefix, isCache: false });
    await eventually(check);
    return { ...server, client, fetcher, get, check, answers, redis: () => readiness.report.components.redis };
  }

  test('reads objects, treats everything else as no data, and writes nothing', async () => {
    for (const keyPrefix of ['', 'device:']) {
      const { admin, get, answers, redis, fetcher } = await open(keyPrefix);
      const stored = { list: '["pump"]', text: 'hall-3', number: '42', null: 'null', broken: '{"name":"x",}' };
      for (const [key, text] of Object.entries(stored)) await admin.set(keyPrefix + key, text);
      await admin.set(`${keyPrefix}good`, '{"serial":9007199254740993}');
      await admin.hset(`${keyPrefix}hash`, 'name', 'x');
      assert.is(JSON.stringify(await get('good')), '{"serial":9007199254740993}');
      for (const key of [...Object.keys(stored), 'hash', 'new', '\ud800']) assert.is(await get(key), undefined, key);
      await firstValueFrom(fetcher.invalidate('good'), { defaultValue: undefined });
      assert.is(await admin.dbsize(), Object.keys(stored).length + 2);
      for (const [key, text] of Object.entries(stored)) {
        assert.equal([await admin.get(keyPrefix + key), await admin.pttl(keyPrefix + key)], [text, -1]);
      }
      assert.is(answers[0], 'redis good true');
      assert.is(redis()?.state, 'ok');
      // Removes the default user's write permission, which nothing needs.
      await admin.acl('SETUSER', 'default', '-@write');
      assert.ok(await get('good'));
    }
  });

  test('an unreachable Redis is an outage, never missing data', async () => {
    const { admin, get, check, redis, end, port } = await open('');
    await admin.set('d1', '{"a":1}');
    const fails = async (text: RegExp) => {
      const thrown = await get('d1').catch((error: unknown) => error);
      assert.instance(thrown, RetryableError);
      assert.match(String(thrown), text);
      assert.is(redis()?.state, 'failing');
    };
    await admin.acl('SETUSER', 'default', '-get');
    await fails(/redis: NOPERM /);
    await admin.acl('SETUSER', 'default', '+get');
    assert.equal(await get('d1'), { a: 1 });
    assert.is(redis()?.state, 'ok');
    await end();
    await eventually(() => fails(/redis: connect ECONNREFUSED/));
    assert.match(redis()?.detail ?? '', /^lookups fail: connect ECONNREFUSED/);
    assert.match(String(await check().catch((error: unknown) => error)), /lookup\.redis: connect ECONNREFUSED/);
    await startRedisServer(scope, { port });
    await eventually(async () => assert.is(await get('d1'), undefined));
    assert.is(redis()?.state, 'ok');
  });
});
