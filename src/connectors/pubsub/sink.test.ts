import { protos } from '@google-cloud/pubsub';
import { from, lastValueFrom, toArray } from 'rxjs';
import * as assert from 'uvu/assert';
import type { Attributes } from '../../core/message.ts';
import { Readiness } from '../../core/readiness.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { testClient } from '../../testing/pubsub-client.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { testContext, testDelivery } from '../../testing/test-context.ts';
import { createPubSubClients } from './client.ts';
import { Publisher } from './publisher.ts';
import { pubsubSink } from './sink.ts';
import { decodePullResponse } from './wire/pull-response.ts';

const { StreamingPullResponse } = protos.google.pubsub.v1;

/** Attributes as delivered by Pub/Sub, which adds some of its own to messages of a topic with a schema. */
const FROM_PUBSUB = {
  mqtt_topic: 't',
  googclient_traceparent: '00-1-2-01',
  googclient_schemaencoding: 'JSON',
  googclient_schemaname: 'projects/p/schemas/s',
};
const CARRIED_ON = { mqtt_topic: 't', googclient_traceparent: '00-1-2-01' };

const encoded = (attributes: Attributes) => {
  const response = { receivedMessages: [{ ackId: 'a', message: { data: Buffer.from('x'), attributes } }] };
  const [received] = decodePullResponse(Buffer.from(StreamingPullResponse.encode(response).finish())).messages;
  if (received === undefined) throw new Error('a message is missing');
  return received.encodedAttributes;
};

suite('Pub/Sub sink', (it) => {
  const { test, before } = it;
  const scope = suiteScope(it);
  let projectId: string;
  before(async () => {
    const { sandbox } = await startServers(scope, { parts: ['pubsub'] });
    projectId = sandbox.projectId;
  });

  test('leaves out attributes that Pub/Sub reserves, and propagates traces', async () => {
    const client = scope.use(await testClient(process.env.PUBSUB_EMULATOR_HOST ?? ''));
    const { topic, subscription } = await client.newPair();
    const clients = await createPubSubClients({ projectId });
    scope.defer(() => clients.close());
    const telemetry = new Telemetry('test', { level: 'silent', processMetrics: false });
    const [, project = '', topicId = ''] = /^projects\/(.+)\/topics\/(.+)$/.exec(topic) ?? [];
    const publisher = new Publisher({
      ...{ connections: clients.publishConnections, projectId: project, timeoutMs: 10_000, component: 'publish' },
      ...{ retry: { initialDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 0 }, telemetry, readiness: new Readiness() },
    });
    const context = testContext();
    const asTheyCame = [FROM_PUBSUB, encoded(FROM_PUBSUB), encoded(CARRIED_ON), encoded({ mqtt_topic: 't' })];
    const deliveries = asTheyCame.map((_, index) => testDelivery(context, { id: `m${index}` }));
    const outcomes = await lastValueFrom(
      from(deliveries).pipe(
        pubsubSink({
          publisher,
          config: {
            maxMessages: 100,
            maxBytes: 1_000_000,
            maxDelayMs: 1,
            concurrency: 1,
            timeoutMs: 10_000,
            retry: { initialDelayMs: 1, maxDelayMs: 1 },
          },
          credit: context.credit,
          telemetry,
          toTarget: ({ message }) => ({
            topicId,
            message: {
              data: Buffer.from(message.id),
              attributes: asTheyCame[Number(message.id.slice(1))] ?? {},
              orderingKey: '',
            },
          }),
        }),
        toArray(),
      ),
    );
    assert.equal(
      outcomes.map(({ verdict }) => verdict),
      ['ack', 'ack', 'ack', 'ack'],
    );
    const received = await client.pull(subscription, 4);
    const attributesOf = new Map(
      received.map(({ message }) => [Buffer.from(message?.data ?? '').toString(), message?.attributes]),
    );
    assert.equal(
      ['m0', 'm1', 'm2', 'm3'].map((id) => attributesOf.get(id)),
      [CARRIED_ON, CARRIED_ON, CARRIED_ON, { mqtt_topic: 't' }],
    );
    const metrics = await telemetry.registry.metrics();
    assert.match(
      metrics,
      /dataflow_events_total\{event="publish\.attributes_left_out",service="test",pipeline="test"\} 2/,
    );
  });
});
