import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createPubSubClients, type PubSubClients } from '../../connectors/pubsub/client.ts';
import { FatalError } from '../../core/errors.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { icestoreSchema } from '../../services/icestore/config.ts';
import { suite } from '../../testing/suite.ts';
import { findSubscription, type SubscriptionChoice } from './find-subscription.ts';

suite('the subscription that commands read', ({ test, before, after }) => {
  let sandbox: Sandbox;
  let clients: PubSubClients;
  const name = (kind: 'topics' | 'subscriptions', id: string) => `projects/${sandbox.projectId}/${kind}/${id}`;
  /** Pub/Sub's answer for the subscriptions of a topic. */
  let attached: Record<string, string[]> = {};

  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub'] });
    sandbox.applyEnv();
    clients = await createPubSubClients({ projectId: sandbox.projectId });
    for (const id of ['dead', 'aside', 'raw']) await clients.publisher.createTopic({ name: name('topics', id) });
    const subscribe = (id: string, topic: string, more = {}) =>
      clients.subscriber.createSubscription({ name: name('subscriptions', id), topic: name('topics', topic), ...more });
    await subscribe('dead-one', 'dead');
    await subscribe('dead-two', 'dead');
    await subscribe('aside-one', 'aside');
    await subscribe('raw-one', 'raw', { deadLetterPolicy: { deadLetterTopic: name('topics', 'aside') } });
    const listTopicSubscriptions = async ({ topic }: { topic: string }) => [attached[topic] ?? []];
    Object.assign(clients.publisher, { listTopicSubscriptions });
  });
  after(async () => {
    await clients?.close();
    await sandbox?.close();
  });

  const find = async (deadLetters: object | undefined, choice: SubscriptionChoice = {}): Promise<string> => {
    const config = v.parse(icestoreSchema, {
      ...{ service: 'icestore', google: { projectId: sandbox.projectId }, bucket: { name: 'archive' } },
      ...{ source: { subscriptionId: 'raw-one' }, ...(deadLetters === undefined ? {} : { deadLetters }) },
    });
    try {
      const found = await findSubscription(clients, config, choice);
      return `${found.name.split('/').at(-1)} of ${found.topic.split('/').at(-1)}${found.hasPolicy ? ', with a policy' : ''}`;
    } catch (thrown) {
      if (thrown instanceof FatalError) return thrown.message;
      throw thrown;
    }
  };

  test('is the requested one, by its short or full name', async () => {
    assert.is(await find(undefined, { subscription: 'dead-two' }), 'dead-two of dead');
    assert.is(
      await find({ topicId: 'dead' }, { subscription: name('subscriptions', 'aside-one') }),
      'aside-one of aside',
    );
    assert.is(await find(undefined, { subscription: 'raw-one' }), 'raw-one of raw, with a policy');
  });

  test("is otherwise the pipeline's, or the only one of its topic", async () => {
    assert.is(await find({ topicId: 'dead', subscriptionId: 'dead-one' }), 'dead-one of dead');
    attached = { [name('topics', 'dead')]: [name('subscriptions', 'dead-two')] };
    assert.is(await find({ topicId: 'dead' }), 'dead-two of dead');
  });

  test("is with --policy that of the topic in the source's dead-letter policy", async () => {
    attached = { [name('topics', 'aside')]: [name('subscriptions', 'aside-one')] };
    assert.is(await find(undefined, { policy: true }), 'aside-one of aside');
  });

  test('none, and several, are refused with the remedy', async () => {
    attached = {};
    assert.match(
      await find({ topicId: 'dead' }),
      /has no subscription; .*deadLetters\.subscriptionId or --subscription/,
    );
    attached = { [name('topics', 'dead')]: ['dead-one', 'dead-two'].map((id) => name('subscriptions', id)) };
    assert.match(await find({ topicId: 'dead' }), /several subscriptions: .*dead-one.*dead-two; .*--subscription/);
    assert.match(await find(undefined), /^deadLetters: not set.*--subscription/);
  });
});
