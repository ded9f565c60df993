import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { runDeadLetters } from '../../testing/dead-letters-cli.ts';
import { newTopics } from '../../testing/new-topic.ts';
import { pipelineFolder } from '../../testing/pipeline-folder.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';

suite('dead-letters command line', ({ test, after }) => {
  const scope = suiteScope({ after });
  const folder = pipelineFolder(scope);

  test('refuses bad options with code 2 and the reason', async () => {
    const { sandbox } = await startServers(scope, { parts: ['pubsub'] });
    const pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
    const [input, dead] = await newTopics(pubsub, 'input', 'dead');
    const icestore = (deadLetters: object | undefined) =>
      folder.pipeline({
        ...{ service: 'icestore', google: { projectId: sandbox.projectId }, source: { subscriptionId: input } },
        ...{ bucket: { name: 'archive' }, deadLetters },
      });
    const pipeline = icestore({ topicId: dead, subscriptionId: dead });
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['list', '/no/such/pipeline'], 2, /cannot be read/],
      [['list'], 2, /missing required argument 'pipeline'/],
      [['show', pipeline], 2, /missing required argument 'id'/],
      [['list', pipeline, '--reason', 'rejectd'], 2, /Expected one of undecodable, .*max_delivery_attempts/],
      [['list', pipeline, '--from', 'yesterday'], 2, /RFC 3339/],
      [['list', pipeline, '--limit', '0'], 2, /whole number from 1/],
      [['list', pipeline, '--idle-timeout', 'soon'], 2, /seconds from 0 to 3600/],
      [['replay', pipeline, '--rate', 'fast'], 2, /dead letters per second/],
      [['list', pipeline, '--subscription', 'no-such'], 2, /--subscription: .*no-such/],
      [['list', pipeline, '--policy'], 2, /has no dead-letter policy/],
      [['replay', pipeline, '--to', 'no-such'], 2, /--to: .*no-such/],
      [['replay', pipeline, '--to', dead], 2, /the topic of the dead letters themselves/],
      [['list', icestore(undefined)], 2, /deadLetters: not set.*--subscription/],
      [['list', icestore({ topicId: dead, subscriptionId: 'gone' })], 2, /subscriptionId: .*gone/],
      [['show', pipeline, '7'], 1, /has no dead letter 7/],
    ];
    await Promise.all(
      cases.map(async ([args, expected, message]) => {
        const { code, output } = await runDeadLetters(...args);
        assert.is(code, expected, `${args.join(' ')}\n${output}`);
        assert.match(output, message);
      }),
    );
  });
});
