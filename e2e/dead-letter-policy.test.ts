import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich } from '../src/services/enrich/enrich.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { type ListedDeadLetters, listDeadLetters, runDeadLetters } from '../src/testing/dead-letters-cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopic, newTopics } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { publishEnvelope } from '../src/testing/publish-envelope.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const QUIET = { telemetry: { level: 'silent' } };

suite('messages that Pub/Sub itself dead-lettered', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  const folder = pipelineFolder(scope);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(scope));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
  });
  /** First settings of every pipeline of this suite. */
  const common = () => ({ google: { projectId: sandbox.projectId }, http: { host: '127.0.0.1', port: 0 } });

  test('are listed and replayed', async () => {
    const aside = await newTopic(pubsub, 'p-aside');
    const [dead, output] = await newTopics(pubsub, 'p-dead', 'p-out');
    const policy = {
      deadLetterTopic: `projects/${sandbox.projectId}/topics/${aside}`,
      maxDeliveryAttempts: 5,
    };
    const input = await newTopic(pubsub, 'p-in', { deadLetterPolicy: policy });
    const config = {
      ...{ service: 'enrich', ...common(), source: { subscriptionId: input }, key: ['payload.device'] },
      ...{ lookup: { memory: {}, firestore: { collection: input } }, output: { topicId: output } },
      deadLetters: { topicId: dead, subscriptionId: dead, maxAttempts: 100 },
    };
    const pipeline = folder.pipeline(config);
    const broken = createEnrich(v.parse(enrichSchema, config), {
      ...QUIET,
      keyExtractor: () => {
        throw new Error('not yet');
      },
    });
    await broken.start();
    await broken.ready;
    for (const id of ['a', 'b', 'c']) await publishEnvelope(pubsub, input, id, {}, { uid: id });
    await eventually(() => assert.is(broken.ledger.nacked, 15));
    assert.is((await broken.shutdown()).abandoned, 0);
    assert.is(broken.ledger.deadLettered, 0, 'the policy was faster than maxAttempts');

    const { deadLetters } = await listDeadLetters(pipeline, '--subscription', aside);
    const source = `projects/${sandbox.projectId}/subscriptions/${input}`;
    assert.equal(
      deadLetters.map((deadLetter) => [deadLetter.reason, deadLetter.attempt, deadLetter.source]),
      Array.from({ length: 3 }, () => ['max_delivery_attempts', 5, source]),
    );
    const ids = (listed: ListedDeadLetters) => listed.deadLetters.map(({ id }) => id).toSorted();
    assert.equal(ids(await listDeadLetters(pipeline, '--policy')), deadLetters.map(({ id }) => id).toSorted());
    const unnamed = folder.pipeline({ ...config, deadLetters: { topicId: aside } });
    assert.equal(
      ids(await listDeadLetters(unnamed)),
      deadLetters.map(({ id }) => id).toSorted(),
      'the only one of the topic',
    );

    const mended = createEnrich(v.parse(enrichSchema, config), QUIET);
    await mended.start();
    await mended.ready;
    const enriched = collectMessages(scope, pubsub, output);
    const { code, output: printed } = await runDeadLetters('replay', pipeline, '--policy');
    assert.is(code, 0, printed);
    await eventually(() => assert.is(enriched.length, 3));
    assert.equal(
      enriched.map(({ attributes }) => attributes).sort((one, other) => ((one.uid ?? '') < (other.uid ?? '') ? -1 : 1)),
      [{ uid: 'a' }, { uid: 'b' }, { uid: 'c' }],
    );
    assert.equal((await listDeadLetters(pipeline, '--subscription', aside)).deadLetters, []);
    assert.is((await mended.shutdown()).abandoned, 0);
  });
});
