import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { collectMessages } from '../../testing/collect-messages.ts';
import { listDeadLetters, runDeadLetters } from '../../testing/dead-letters-cli.ts';
import { eventually } from '../../testing/eventually.ts';
import { newTopics } from '../../testing/new-topic.ts';
import { pipelineFolder } from '../../testing/pipeline-folder.ts';
import { publishDeadLetters } from '../../testing/publish-dead-letters.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';

suite('dead-letters filters', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  const folder = pipelineFolder(scope);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['pubsub'] }));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
  });

  test('filters by reason and time, and excludes dead letters of other pipelines', async () => {
    const [input, dead] = await newTopics(pubsub, 'input', 'dead');
    // A command leases the messages it reads, so concurrent commands read separate subscriptions.
    const subscriptions = Array.from({ length: 6 }, (_, index) => `${dead}-${index}`);
    await Promise.all(subscriptions.map((name) => pubsub.topic(dead).createSubscription(name)));
    const pipeline = folder.pipeline({
      ...{ service: 'icestore', google: { projectId: sandbox.projectId }, source: { subscriptionId: input } },
      ...{ bucket: { name: 'archive' }, deadLetters: { topicId: dead, subscriptionId: dead } },
    });
    const publish = (source: string, count: number, attributes: Record<string, string> = {}) =>
      publishDeadLetters(pubsub, dead, { source, count, attributes });
    await publish(input, 2);
    await publish(input, 3, { dlq_reason: 'hook_failed', dlq_time: '2026-01-01T00:00:00.000Z' });
    await publish(input, 1, { dlq_reason: 'undecodable', dlq_time: '2026-01-02T00:00:00.000Z' });
    await publish('another', 4);
    await pubsub.topic(dead).publishMessage({ data: Buffer.from('no dead letter') });

    const [everything, own, byReason, byFrom, byOffset, limited] = await Promise.all(
      [
        ['--all'],
        [],
        ['--reason', 'hook_failed', '--reason', 'undecodable'],
        ['--from', '2026-01-01T00:00:00Z', '--until', '2026-01-02T00:00:00Z'],
        ['--from', '2026-01-02T01:00:00+01:00', '--until', '2026-02-01T00:00:00Z'],
        ['--limit', '2'],
      ].map((options, index) => listDeadLetters(pipeline, ...options, '--subscription', `${dead}-${index}`)),
    );
    assert.equal(everything?.byReason, { rejected: 6, hook_failed: 3, undecodable: 1, unknown: 1 });
    assert.equal([everything?.deadLetters[0]?.reason, everything?.others], ['hook_failed', 0], 'by time');
    assert.is(own?.others, 5);
    assert.is(byReason?.deadLetters.length, 4);
    assert.is(byFrom?.deadLetters.length, 3);
    assert.is(byOffset?.deadLetters.length, 1);
    assert.is(limited?.deadLetters.length, 2);

    const again = collectMessages(scope, pubsub, input);
    const { code, output } = await runDeadLetters(
      ...['replay', pipeline, '--reason', 'hook_failed', '--limit', '2', '--json'],
    );
    assert.is(code, 1, 'the limit left one of those that match');
    assert.match(output, 'stopped at 2 (--limit)');
    assert.is((await runDeadLetters('replay', pipeline, '--until', '2026-01-02T00:00:00Z')).code, 0);
    await eventually(() => assert.is(again.length, 3));
    assert.equal((await listDeadLetters(pipeline, '--all')).byReason, { rejected: 6, undecodable: 1, unknown: 1 });
  });
});
