import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { collectMessages } from '../../testing/collect-messages.ts';
import { listDeadLetters, runDeadLetters, startDeadLetters } from '../../testing/dead-letters-cli.ts';
import { eventually } from '../../testing/eventually.ts';
import { newTopics } from '../../testing/new-topic.ts';
import { pipelineFolder } from '../../testing/pipeline-folder.ts';
import { publishDeadLetters } from '../../testing/publish-dead-letters.ts';
import { receiveMessages } from '../../testing/receive-messages.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';

suite('dead-letters replay', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  const folder = pipelineFolder(scope);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['pubsub'] }));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
  });

  const icestore = (input: string, dead: string) =>
    folder.pipeline({
      ...{ service: 'icestore', google: { projectId: sandbox.projectId }, source: { subscriptionId: input } },
      ...{ bucket: { name: 'archive' }, deadLetters: { topicId: dead, subscriptionId: dead } },
    });

  test('Ctrl-C during a replay loses nothing, and repeats nothing; --to replays elsewhere', async () => {
    const [input, other, dead] = await newTopics(pubsub, 'input', 'other', 'dead');
    const pipeline = icestore(input, dead);
    await publishDeadLetters(pubsub, dead, { source: input, count: 60 });
    const arrived = collectMessages(scope, pubsub, other);
    const replay = await startDeadLetters('replay', pipeline, '--to', other, '--rate', '20/s');
    await eventually(() => assert.ok(arrived.length >= 5));
    assert.is(await replay.end('SIGINT'), 1);
    assert.match(replay.output, 'interrupted');
    const replayed = Number(/(\d+) dead letters replayed/.exec(replay.stdout)?.[1]);
    assert.ok(replayed >= 5 && replayed < 60, replay.output);
    await eventually(() => assert.is(arrived.length, replayed));
    assert.is(
      (await listDeadLetters(pipeline)).deadLetters.length,
      60 - replayed,
      'the others were given back at once',
    );
    assert.is((await runDeadLetters('replay', pipeline, '--to', other, '--rate', '1000')).code, 0);
    await eventually(() => assert.is(arrived.length, 60));
    assert.is(new Set(arrived.map(({ data }) => data.toString())).size, 60);
  });

  test('a lasting cause does not loop: dead letters that return during the replay stay', async () => {
    const [input, dead] = await newTopics(pubsub, 'input', 'dead');
    const pipeline = icestore(input, dead);
    await publishDeadLetters(pubsub, dead, { source: input, count: 10 });
    // Every arriving message is dead-lettered again immediately.
    const subscription = pubsub.subscription(input);
    const failed = receiveMessages(subscription, () => {
      void publishDeadLetters(pubsub, dead, { source: input, count: 1 });
    });
    const { code, output } = await runDeadLetters('replay', pipeline, '--rate', '10');
    await subscription.close();
    assert.is(code, 0, output);
    assert.is(failed.length, 10);
    assert.is((await listDeadLetters(pipeline)).deadLetters.length, 10);
  });
});
