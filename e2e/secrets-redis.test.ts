import { spawnSync } from 'node:child_process';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { freePort } from '../src/sandbox/free-port.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { startChild } from '../src/testing/child.ts';
import { startCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopic } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { envelopeData } from '../src/testing/publish-envelope.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { assertNotPrinted, assertValidateHides, LOUD, newSecret, overHttp, urlOf } from '../src/testing/secrets.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const hasRedis = spawnSync('redis-server', ['--version']).error === undefined;

suite('secrets of Redis', ({ test, skip, before, after, afterEach }) => {
  const suiteEnd = suiteScope({ after });
  const scope = testScope({ afterEach });
  const folder = pipelineFolder(suiteEnd);
  let sandbox: Sandbox;
  let pubsub: PubSub;

  before(async () => {
    ({ sandbox } = await startServers(suiteEnd, { parts: ['pubsub', 'firestore'] }));
    pubsub = suiteEnd.use(new PubSub({ projectId: sandbox.projectId }));
  });

  if (!hasRedis) skip('right, wrong, unreachable', 'redis-server is not installed');
  else
    test('right, wrong, unreachable', async () => {
      const [password, wrong] = [newSecret('redis'), newSecret('wrong')];
      const port = await freePort();
      const redis = await startChild(
        'redis-server',
        ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--requirepass', password],
        { readyWhen: /Ready to accept/ },
      );
      scope.defer(() => redis.end());
      const cases: readonly { readonly url: string; readonly state: 'ok' | 'degraded'; readonly cause: string }[] = [
        { url: `redis://:${password}@127.0.0.1:${port}`, state: 'ok', cause: '' },
        { url: `redis://user:${wrong}@127.0.0.1:${port}`, state: 'degraded', cause: 'skipped: WRONGPASS' },
        { url: `redis://:${password}@127.0.0.1:1`, state: 'degraded', cause: 'skipped: connect ECONNREFUSED' },
      ];
      await Promise.all(
        cases.map(async ({ url, state, cause }) => {
          const topic = await newTopic(pubsub, 'secrets');
          const pipeline = folder.pipeline(
            [
              'service: enrich',
              ...LOUD,
              `source: { subscriptionId: ${topic} }`,
              'key: [payload.device]',
              `lookup: { redis: { url: "${url}" }, firestore: { collection: c } }`,
              `output: { topicId: ${topic} }`,
            ].join('\n'),
          );
          const child = await startCli(['run', pipeline]);
          const address = await urlOf(child);
          const first = await overHttp(address);
          const data = envelopeData('d', { device: 'd' });
          await pubsub.topic(topic).publishMessage({ data });
          await eventually(async () =>
            assert.match(await overHttp(address), /dataflow_messages_received_total\{[^}]*\} [1-9]/),
          );
          const later = await eventually(async () => {
            // One more message causes one more lookup in Redis.
            await pubsub.topic(topic).publishMessage({ data });
            const said = await overHttp(address);
            assert.ok(said.includes(`"redis":{"state":"${state}","detail":"${cause}`), 'the cause stays');
            assert.match(said, new RegExp(`dataflow_part_state\\{part="redis",state="${state}",.*\\} 1`));
            return said;
          });
          await child.end('SIGTERM');
          assertNotPrinted(child.output + first + later, password, wrong);
          await assertValidateHides(pipeline, password, wrong);
        }),
      );
    });
});
