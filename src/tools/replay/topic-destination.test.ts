import * as assert from 'uvu/assert';
import { testClient } from '../../testing/pubsub-client.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { topicDestination } from './topic-destination.ts';

suite('replay to a topic', (it) => {
  const { test, before } = it;
  const scope = suiteScope(it);
  before(async () => {
    await startServers(scope, { parts: ['pubsub'] });
  });

  test('leaves out attributes that Pub/Sub had added to a message before it was archived', async () => {
    const client = scope.use(await testClient(process.env.PUBSUB_EMULATOR_HOST ?? ''));
    const { topic, subscription } = await client.newPair();
    const [, projectId = '', topicId = ''] = /^projects\/(.+)\/topics\/(.+)$/.exec(topic) ?? [];
    const destination = scope.use(await topicDestination({ projectId }, topicId));
    const attributes = { mqtt_topic: 't', googclient_schemaencoding: 'JSON', googclient_traceparent: '00-1-2-01' };
    await destination.send({ data: Buffer.from('x'), attributes, orderingKey: '' });
    const [received] = await client.pull(subscription, 1);
    assert.equal(received?.message?.attributes, { mqtt_topic: 't', googclient_traceparent: '00-1-2-01' });
  });
});
