import { filter, firstValueFrom } from 'rxjs';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { pipelineFolder } from '../../testing/pipeline-folder.ts';
import { hasRedis, startRedisServer } from '../../testing/redis-server.ts';
import { testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { createRedisClient } from './client.ts';

suite('failover of Redis', (it) => {
  const { long, skip } = it;
  if (!hasRedis) {
    skip('all of it', 'redis-server is not installed');
    return;
  }
  const scope = testScope(it);

  long('a primary that ends is followed by the one that sentinels choose', async () => {
    const primary = await startRedisServer(scope);
    const replica = await startRedisServer(scope, { args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    const conf = [
      `sentinel monitor mymaster 127.0.0.1 ${primary.port} 1`,
      'sentinel down-after-milliseconds mymaster 1000',
      'sentinel failover-timeout mymaster 5000',
    ];
    const file = pipelineFolder(scope).file('sentinel.conf', `${conf.join('\n')}\n`);
    const sentinel = await startRedisServer(scope, { args: [file, '--sentinel'] });
    const client = createRedisClient({
      ...{ url: `redis://127.0.0.1:${sentinel.port}`, sentinel: { name: 'mymaster' } },
      ...{ cluster: false, timeoutMs: 500, insecureSkipVerify: false },
    });
    scope.defer(() => client.disconnect());
    await firstValueFrom(client.state.pipe(filter(({ isReady }) => isReady)));
    await client.setNew('k', 'v', 600_000);
    await eventually(async () => assert.is(await replica.admin.get('k'), 'v'));
    // The sentinel learns about the replica from the primary.
    await eventually(async () => {
      const replicas = await sentinel.admin.call('SENTINEL', 'REPLICAS', 'mymaster');
      assert.ok(Array.isArray(replicas) && replicas.length === 1);
    });
    await primary.end();
    await eventually(async () => {
      await client.setNew('after', 'v', 600_000);
      assert.is(await replica.admin.get('after'), 'v');
    });
    assert.is(await client.get('k'), 'v');
  });
});
