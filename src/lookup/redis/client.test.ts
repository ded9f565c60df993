import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import * as assert from 'uvu/assert';
import { FatalError } from '../../core/errors.ts';
import { freePort } from '../../sandbox/free-port.ts';
import { type Certificates, hasOpenssl, makeCertificates } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { startFaultProxy } from '../../testing/fault-proxy.ts';
import { pipelineFolder } from '../../testing/pipeline-folder.ts';
import { hasRedis, type RedisServer, startRedisServer } from '../../testing/redis-server.ts';
import { suiteScope, testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { createRedisClient, type RedisClient, type RedisConfig } from './client.ts';

const NEVER_MS = 10_000;

suite('redis client', (it) => {
  const { test, skip, before, after } = it;
  if (!hasRedis) {
    skip('all of it', 'redis-server is not installed');
    return;
  }
  const scope = testScope(it);
  let cluster: Promise<readonly [RedisServer, RedisServer]>;
  // Its servers must not end while it starts.
  after(() => cluster.then(() => {}));
  const whole = suiteScope(it);
  const folder = pipelineFolder(whole);

  function open(config: Partial<RedisConfig> & { readonly url: string }): RedisClient {
    const client = createRedisClient({ timeoutMs: NEVER_MS, cluster: false, insecureSkipVerify: false, ...config });
    scope.defer(() => client.disconnect());
    return client;
  }
  const stateOf = ({ state }: RedisClient) => firstValueFrom(state);
  const ready = ({ state }: RedisClient) => firstValueFrom(state.pipe(filter(({ isReady }) => isReady)));
  const problemOf = (client: RedisClient) =>
    eventually(async () => {
      const { problem } = await stateOf(client);
      assert.ok(problem);
      return String(problem);
    });
  const messageOf = (work: Promise<unknown>) =>
    work.then(
      () => 'no error',
      (thrown: unknown) => String(thrown),
    );

  /** Two nodes, each with half of the slots. Redis makes a new cluster wait for two seconds. */
  before(() => {
    cluster = startCluster();
    cluster.catch(() => {});
  });

  async function startCluster(): Promise<readonly [RedisServer, RedisServer]> {
    const start = async () => {
      const port = await freePort();
      const busPort = await freePort();
      const args = [
        '--cluster-enabled',
        'yes',
        '--cluster-port',
        String(busPort),
        '--cluster-require-full-coverage',
        'no',
      ];
      return { ...(await startRedisServer(whole, { port, args })), busPort };
    };
    const [one, other] = [await start(), await start()];
    await one.admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
    await other.admin.call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
    await one.admin.call('CLUSTER', 'MEET', '127.0.0.1', String(other.port), String(other.busPort));
    await eventually(async () => {
      for (const { admin } of [one, other]) {
        assert.match(String(await admin.cluster('INFO')), /cluster_state:ok[\s\S]*cluster_slots_assigned:16384/);
      }
    });
    return [one, other];
  }

  test('credentials: an ACL user, a secret in a file, and a visible cause', async () => {
    const { admin, url } = await startRedisServer(scope);
    await admin.acl('SETUSER', 'lookup', 'on', '>first', '~*', '+@all');
    await admin.set('k', 'v');
    const passwordFile = folder.file('password', 'first\n');
    const client = open({ url, username: 'lookup', passwordFile });
    await ready(client);
    assert.is(await client.get('k'), 'v');

    // Renewed as by Kubernetes: the file first, then the server, which drops the connections.
    writeFileSync(passwordFile, 'second\r\n');
    await admin.acl('SETUSER', 'lookup', 'resetpass', '>second');
    await admin.client('KILL', 'USER', 'lookup');
    await eventually(async () => assert.is(await client.get('k'), 'v'));

    const wrong = open({ url, username: 'lookup', password: 'wrong' });
    assert.match(await problemOf(wrong), /^WRONGPASS .*check lookup\.redis\.username, \.password and \.passwordFile/);
    assert.match(await messageOf(wrong.get('k')), /^RetryableError: WRONGPASS/);
    await admin.acl('SETUSER', 'default', 'off');
    const none = open({ url });
    assert.match(await problemOf(none), /^NOAUTH .*set lookup\.redis\.password or lookup\.redis\.passwordFile/);
    assert.match(await messageOf(none.get('k')), /^RetryableError: NOAUTH/);
  });

  test('a missing file fails the start', () => {
    const config = { url: 'rediss://127.0.0.1:1', passwordFile: join(folder.path, 'gone') };
    assert.throws(
      () => open(config),
      (thrown: unknown) => thrown instanceof FatalError && thrown.message.startsWith('lookup.redis.passwordFile: '),
    );
    const caFile = folder.file('not-a-certificate', 'x');
    assert.throws(
      () => open({ url: config.url, caFile }),
      (thrown: unknown) => thrown instanceof FatalError && thrown.message.startsWith('lookup.redis.caFile: '),
    );
  });

  if (!hasOpenssl()) skip('reads the CA file again for each connection', 'openssl is not installed');
  else
    test('reads the CA file again for each connection', async () => {
      const [old, renewed] = [scopedFolder(), scopedFolder()].map((each) => makeCertificates(each));
      if (old === undefined || renewed === undefined) throw new Error('no certificates');
      const tls = ({ server, caFile }: Certificates) => [
        ...['--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile, '--tls-ca-cert-file', caFile],
        ...['--tls-auth-clients', 'no'],
      ];
      const tlsPort = await freePort();
      const first = await startRedisServer(scope, { args: ['--tls-port', String(tlsPort), ...tls(old)] });
      const caFile = join(folder.path, 'ca.crt');
      copyFileSync(old.caFile, caFile);
      const client = open({ url: `rediss://127.0.0.1:${tlsPort}`, caFile });
      await ready(client);
      const strict = open({ url: `rediss://127.0.0.1:${tlsPort}` });
      assert.match(await problemOf(strict), /certificate/);
      await first.end();
      await startRedisServer(scope, { args: ['--tls-port', String(tlsPort), ...tls(renewed)] });
      await eventually(async () => assert.match((await stateOf(client)).problem ?? '', /certificate/));
      copyFileSync(renewed.caFile, caFile);
      await eventually(async () => assert.is(await client.get('k'), null));
    });

  function scopedFolder(): string {
    return pipelineFolder(scope).path;
  }

  test('follows a failover: after a refusal by a replica, checks where the address leads', async () => {
    const [one, other] = [await startRedisServer(scope), await startRedisServer(scope)];
    const target = { port: one.port };
    const proxy = scope.use(await startFaultProxy(target));
    const client = open({ url: `redis://127.0.0.1:${proxy.port}` });
    await ready(client);
    await client.setNew('k', 'before', NEVER_MS);
    // The address leads to a replica for now: reads continue over the same connection.
    await one.admin.replicaof('127.0.0.1', String(other.port));
    const connections = async () => String(await one.admin.client('LIST')).split('\n').length;
    const before = await connections();
    assert.match(await messageOf(client.setNew('x', '', NEVER_MS)), /^RedisRefusal: READONLY .*this is a replica/);
    await eventually(async () => assert.is(await connections(), before, 'the look is over'), { everyMs: 5 });
    assert.is((await stateOf(client)).isReady, true);
    await client.get('k');
    // Now it leads to the new primary.
    target.port = other.port;
    await eventually(
      async () => {
        await client.setNew('after', 'v', NEVER_MS).catch(() => {});
        assert.is(await other.admin.get('after'), 'v');
      },
      { everyMs: 50 },
    );
  });

  test('writes only missing keys, deletes keys, and returns their lifetime', async () => {
    const client = open({ url: (await startRedisServer(scope)).url });
    assert.match(await messageOf(client.get('k')), /RetryableError: not connected yet/);
    await ready(client);
    await client.setNew('k', 'one', 5_000);
    await client.setNew('k', 'two', 50_000);
    assert.is(await client.get('k'), 'one');
    const left = (await client.expiresInMs('k')) ?? 0;
    assert.ok(left > 0 && left <= 5_000, `${left}`);
    assert.is(await client.expiresInMs('none'), undefined);
    assert.is(await client.delete(['k', 'none']), 1);
  });

  test('the error of a cluster node names the setting that makes every key reachable', async () => {
    const [one] = await cluster;
    const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
    const single = open({ url: one.url });
    await ready(single);
    const messages = await Promise.all(keys.map((key) => messageOf(single.get(key))));
    assert.ok(messages.some((message) => /^RedisRefusal: MOVED .*set lookup\.redis\.cluster to true/.test(message)));
    assert.ok(messages.includes('no error'));

    const client = open({ url: one.url, cluster: true });
    await ready(client);
    for (const key of keys) await client.setNew(key, key, NEVER_MS);
    assert.equal(await Promise.all(keys.map((key) => client.get(key))), keys);
    assert.is(await client.delete(keys), keys.length);
  });

  test('authenticates at each node of a cluster, also with a password file', async () => {
    const [one, other] = await cluster;
    for (const { admin } of [one, other]) await admin.acl('SETUSER', 'lookup', 'on', '>secret', '~*', '+@all');
    const wrong = open({ url: one.url, cluster: true, username: 'lookup', password: 'wrong' });
    assert.match(await problemOf(wrong), /WRONGPASS/);
    const passwordFile = folder.file('cluster-password', 'secret\n');
    const client = open({ url: one.url, cluster: true, username: 'lookup', passwordFile });
    await ready(client);
    const keys = Array.from({ length: 8 }, (_, n) => `p${n}`);
    assert.equal(await Promise.all(keys.map((key) => client.get(key))), Array(8).fill(null));
  });

  test('finds the primary through sentinels', async () => {
    const primary = await startRedisServer(scope);
    const file = folder.file('sentinel.conf', `sentinel monitor mymaster 127.0.0.1 ${primary.port} 1\n`);
    const args = [file, '--sentinel', '--requirepass', 'x'];
    const sentinel = await startRedisServer(scope, { args, admin: { password: 'x' } });
    const passwordFile = folder.file('sentinel-password', 'x\n');
    // The first sentinel is down.
    const url = `redis://127.0.0.1:1,127.0.0.1:${sentinel.port}`;
    const client = open({ url, sentinel: { name: 'mymaster', passwordFile } });
    await ready(client);
    await client.setNew('k', 'v', NEVER_MS);
    assert.is(await primary.admin.get('k'), 'v');
  });
});
