import { PubSub, protos } from '@google-cloud/pubsub';
import { filter, finalize, from, lastValueFrom, type Observable, take, toArray } from 'rxjs';
import * as assert from 'uvu/assert';
import type { Attributes } from '../../core/message.ts';
import { Readiness } from '../../core/readiness.ts';
import type { ItemResult } from '../../operators/batch-into.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { newTopic } from '../../testing/new-topic.ts';
import { testClient } from '../../testing/pubsub-client.ts';
import { suiteScope } from '../../testing/scope.ts';
import { Scrape } from '../../testing/scrape.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { testContext, testDelivery } from '../../testing/test-context.ts';
import { createPubSubClients } from './client.ts';
import { Publisher, type PublisherOptions } from './publisher.ts';
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

/** Counts the requests for one topic that are under way. */
class CountingPublisher extends Publisher {
  /** The most at one time. */
  most = 0;
  #underWay = 0;
  readonly #topicId: string;

  constructor(topicId: string, options: PublisherOptions) {
    super(options);
    this.#topicId = topicId;
  }

  override publish(...args: Parameters<Publisher['publish']>): Observable<readonly ItemResult[]> {
    const [topicId] = args;
    if (topicId !== this.#topicId) return super.publish(...args);
    this.#underWay += 1;
    this.most = Math.max(this.most, this.#underWay);
    return super.publish(...args).pipe(
      finalize(() => {
        this.#underWay -= 1;
      }),
    );
  }
}

suite('Pub/Sub sink', (it) => {
  const { test, before } = it;
  const scope = suiteScope(it);
  let sandbox: Sandbox;
  let projectId: string;
  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['pubsub'] }));
    ({ projectId } = sandbox);
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

  test('topics that are missing or forbidden take nothing from the requests at a time of another', async () => {
    const [REFUSED, HEALTHY] = [50, 3_000];
    const clients = await createPubSubClients({ projectId });
    scope.defer(() => clients.close());
    const pubsub = scope.use(new PubSub({ projectId }));
    const healthy = await newTopic(pubsub, 'healthy');
    const topicOf = (index: number) => (index >= REFUSED ? healthy : index % 2 === 0 ? 'missing' : 'denied');
    sandbox.faults.add({ server: 'pubsub', method: 'Publish', latencyMs: 20 });
    sandbox.faults.add({
      server: 'pubsub',
      method: 'Publish',
      resource: '*/denied',
      error: { code: 'PERMISSION_DENIED' },
    });
    const telemetry = new Telemetry('test', { level: 'silent', processMetrics: false });
    const publisher = new CountingPublisher(healthy, {
      ...{ connections: clients.publishConnections, projectId, timeoutMs: 10_000, component: 'publish' },
      ...{ retry: { initialDelayMs: 5, maxDelayMs: 20, giveUpAfterMs: Number.POSITIVE_INFINITY } },
      ...{ telemetry, readiness: new Readiness() },
    });
    const context = testContext();
    const deliveries = Array.from({ length: REFUSED + HEALTHY }, (_, index) =>
      testDelivery(context, { id: `m${index}` }),
    );
    await lastValueFrom(
      from(deliveries).pipe(
        pubsubSink({
          publisher,
          config: {
            ...{ maxMessages: 100, maxBytes: 1_000_000, maxDelayMs: 1, concurrency: 256, timeoutMs: 10_000 },
            retry: { initialDelayMs: 5, maxDelayMs: 20 },
          },
          credit: context.credit,
          telemetry,
          toTarget: ({ message: { id } }) => ({
            topicId: topicOf(Number(id.slice(1))),
            message: { data: Buffer.from(id), attributes: {}, orderingKey: id },
          }),
        }),
        filter(({ verdict }) => verdict === 'ack'),
        take(HEALTHY),
      ),
    );
    const retries = new Scrape(await telemetry.registry.metrics()).events('publish.retried');
    assert.ok(retries > 10, `${retries} retries`);
    // With failures that count as an outage there are eight, and all of it takes twelve times as long.
    assert.ok(publisher.most > 32, `${publisher.most} requests at a time`);
  });
});
