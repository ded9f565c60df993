import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { eventually } from '../../testing/eventually.ts';
import { suite } from '../../testing/suite.ts';
import { callUnary, routedBy } from '../google/grpc-client.ts';
import { createPubSubClients } from './client.ts';

const CALLS = 250;

suite('connections for publishing', ({ test, before, after }) => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub'] });
    sandbox.applyEnv();
  });
  after(() => sandbox?.close());

  test('carry more concurrent calls than the hundred of one connection', async () => {
    const { projectId } = sandbox;
    const clients = await createPubSubClients({ projectId });
    const topic = `projects/${projectId}/topics/many`;
    await clients.publisher.createTopic({ name: topic });
    // No call is answered until all have arrived.
    const stall = sandbox.faults.add({ server: 'pubsub', method: 'GetTopic', stall: true });
    const request = Buffer.from([0x0a, topic.length, ...Buffer.from(topic)]);
    const metadata = routedBy('topic', topic);
    const call = () =>
      clients.publishConnections.call((client) =>
        callUnary(client, '/google.pubsub.v1.Publisher/GetTopic', request, { metadata, timeoutMs: 30_000 }),
      );
    const calls = Array.from({ length: CALLS }, call);
    await eventually(() => assert.is(stall.matched, CALLS));
    assert.is(clients.publishConnections.count, 3);
    stall.remove();
    await Promise.all(calls);
    await call();
    assert.is(clients.publishConnections.count, 3, 'the first is free again');
    await clients.close();
  });
});
