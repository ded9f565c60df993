import { type Message, PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { createArchiveToReplay } from '../../testing/archive-to-replay.ts';
import { lastJson } from '../../testing/cli.ts';
import { collectMessages } from '../../testing/collect-messages.ts';
import { eventually } from '../../testing/eventually.ts';
import { newTopic } from '../../testing/new-topic.ts';
import { runReplay, startReplay } from '../../testing/replay-cli.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';

suite('the command replay, interrupted', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  let sandbox: Sandbox;
  let pubsub: PubSub;

  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['mqtt', 'pubsub', 'storage'] }));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
    await createArchiveToReplay(sandbox.projectId);
  });

  /** Creates a topic with a subscription, and collects its messages. */
  const topic = async (): Promise<{ name: string; messages: readonly Message[] }> => {
    const name = await newTopic(pubsub, 'replayed', { enableMessageOrdering: true });
    return { name, messages: collectMessages(scope, pubsub, name) };
  };

  test('stops at a signal, and prints how to continue', async () => {
    await pubsub.createTopic('slowly');
    const child = await startReplay('archive/own', '--to', 'pubsub', '--topic', 'slowly', '--speed', '20', '--json');
    await eventually(() => assert.match(child.output, /replaying 1,000 of 1,000/));
    await eventually(() => assert.match(child.output, /\] {2,3}[1-9]\d? %/), { deadlineMs: 30_000 });
    const code = await child.end('SIGINT');
    assert.is(code, 1, child.output);
    const report = lastJson(child);
    assert.is(report.stoppedBy, 'signal');
    assert.is(report.unsent, 1_000 - report.replayed);
    assert.ok(report.replayed > 0 && report.unsent > 0, child.output);
    assert.match(child.output, `--from ${report.continueFrom} continues`);
    const { name, messages } = await topic();
    const rest = await runReplay(
      ...['archive/own', '--to', 'pubsub', '--topic', name, '--speed', 'max', '--from', report.continueFrom, '--json'],
    );
    assert.is(rest.code, 0, rest.output);
    assert.ok(Number(rest.report.replayed) >= report.unsent, 'nothing is left out between the two');
    await eventually(() => assert.is(messages.length, rest.report.replayed));
  });
});
