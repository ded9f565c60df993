import * as assert from 'uvu/assert';
import { createPubSubClients, type PubSubClients } from '../connectors/pubsub/client.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { suite } from '../testing/suite.ts';
import { checkDeadLetters } from './check.ts';

/** e2e/dead-letter-attempts.test.ts tests missing topics, subscriptions and buckets with a whole service. */
suite('dead letters at start', ({ test, before, after }) => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub'] });
    sandbox.applyEnv();
  });
  after(() => sandbox?.close());

  /** Returns the topics reported as unread for an answer of Pub/Sub to listing a topic's subscriptions. */
  const unread = async (answer: () => Promise<[string[]]>, subscriptionId?: string): Promise<string[]> => {
    const { projectId } = sandbox;
    const clients: PubSubClients = await createPubSubClients({ projectId });
    const topic = `projects/${projectId}/topics/unread-${Math.random()}`;
    await clients.publisher.createTopic({ name: topic });
    if (subscriptionId !== undefined) {
      await clients.subscriber.createSubscription({
        name: `projects/${projectId}/subscriptions/${subscriptionId}`,
        topic,
      });
    }
    Object.assign(clients.publisher, { listTopicSubscriptions: answer });
    const lines: string[] = [];
    const telemetry = new Telemetry('test', { level: 'info', destination: { write: (line) => lines.push(line) } });
    const config = { topicId: topic.split('/').at(-1) ?? '', subscriptionId };
    await checkDeadLetters(clients, projectId, config, undefined, telemetry);
    await clients.close();
    return lines
      .map((line) => JSON.parse(line))
      .flatMap(({ event, topic }) => (event === 'dead_letter.unread' ? topic : []));
  };

  test('warns about a topic without subscriptions', async () => {
    const [topic] = await unread(async () => [[]]);
    assert.match(topic ?? '', /^projects\/.*\/topics\/unread-/);
  });

  test('does not warn if there is a subscription, if it may not be listed, or if one is configured', async () => {
    assert.equal(await unread(async () => [['projects/p/subscriptions/s']]), []);
    assert.equal(await unread(() => Promise.reject(new Error('PERMISSION_DENIED'))), []);
    assert.equal(await unread(async () => [[]], 'named'), []);
  });
});
