import { Firestore } from '@google-cloud/firestore';
import * as assert from 'uvu/assert';
import { lastJson, runCli } from '../../testing/cli.ts';
import { pipelineFolder } from '../../testing/pipeline-folder.ts';
import { hasRedis, startRedisServer } from '../../testing/redis-server.ts';
import { testScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';

suite('lookup command', (it) => {
  const { test, skip } = it;
  const scope = testScope(it);
  if (!hasRedis) {
    skip('all of it', 'redis-server is not installed');
    return;
  }

  test("shows each layer's answer, and reports a failed invalidation in Redis", async () => {
    const { sandbox } = await startServers(scope, { parts: ['firestore'] });
    const { admin, url } = await startRedisServer(scope);
    const firestore = new Firestore({ projectId: sandbox.projectId });
    scope.defer(() => firestore.terminate());
    await firestore.doc('devices/d1').set({ name: 'new' });
    await admin.set('dataflow:device:d1', '{"name":"old"}', 'PX', 60_000);
    await admin.acl('SETUSER', 'default', '-del');
    const folder = pipelineFolder(scope);
    const common = { google: { projectId: sandbox.projectId }, source: { subscriptionId: 's' } };
    const pipeline = folder.pipeline({
      ...{ service: 'enrich', ...common, output: { topicId: 't' } },
      lookup: { memory: {}, redis: { url }, firestore: { collection: 'devices' } },
    });
    const icestore = folder.pipeline({ service: 'icestore', ...common, bucket: { name: 'b' } });
    const [get, refused, other, keyless] = await Promise.all([
      runCli(['lookup', 'get', pipeline, 'd1']),
      runCli(['lookup', 'invalidate', pipeline, 'd1', '--json']),
      runCli(['lookup', 'get', icestore, 'd1']),
      runCli(['lookup', 'get', pipeline]),
    ]);
    assert.is(get.code, 0, get.output);
    const [first = '', ...lines] = get.stdout.split('\n');
    assert.match(first, /^redis +dataflow:device:d1 {2}data, expires in \d+ s$/);
    const indent = ' '.repeat(11);
    assert.equal(lines, [`${indent}{"name":"old"}`, 'firestore  devices/d1  data', `${indent}{"name":"new"}`, '']);
    assert.match(get.output, /memory: each running process has its own, and keeps a key for up to 300 s/);

    assert.is(refused.code, 1, refused.output);
    const { key, layers } = lastJson(refused);
    assert.equal([key, layers[0].layer, layers[0].answer], ['d1', 'redis', 'failed']);
    assert.match(layers[0].error, /^NOPERM /);
    assert.ok(await admin.get('dataflow:device:d1'));

    assert.is(other.code, 2);
    assert.match(other.output, /service: expected enrich, got icestore/);
    assert.is(keyless.code, 2);
    assert.match(keyless.output, /missing required argument 'key'/);
  });
});
