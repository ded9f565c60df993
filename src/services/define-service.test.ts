import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PubSub } from '@google-cloud/pubsub';
import { tap } from 'rxjs';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { publishSchema } from '../connectors/pubsub/config.ts';
import { Publisher } from '../connectors/pubsub/publisher.ts';
import { pubsubSink } from '../connectors/pubsub/sink.ts';
import type { Delivery } from '../core/delivery.ts';
import { drop } from '../core/hook-result.ts';
import type { Message } from '../core/message.ts';
import type { LiveMessage } from '../http/snapshot.ts';
import { decodeInput } from '../operators/decode-input.ts';
import { mapMessage } from '../operators/map-message.ts';
import { settle } from '../operators/settle.ts';
import { eventually } from '../testing/eventually.ts';
import { newTopics } from '../testing/new-topic.ts';
import { receiveMessages } from '../testing/receive-messages.ts';
import { testScope } from '../testing/scope.ts';
import { readServerSentEvents } from '../testing/server-sent-events.ts';
import { startServers } from '../testing/servers.ts';
import { suite } from '../testing/suite.ts';
import { consumerEntries } from './config.ts';
import { defineService, type ServiceOpening } from './define-service.ts';
import { openPubSubInput } from './pubsub-input.ts';
import type { CommonDependencies } from './service-context.ts';
import { SERVICE_NAMES, SERVICES } from './services.ts';

const relaySchema = v.strictObject({
  service: v.literal('relay'),
  ...consumerEntries,
  output: v.strictObject({ topicId: v.string() }),
  publish: v.optional(publishSchema, {}),
});

interface RelayDependencies extends CommonDependencies {
  readonly keep?: (message: Message) => boolean;
}

/** A fifth service: Pub/Sub to Pub/Sub, without the messages that a hook drops. */
const createRelay = defineService({
  name: 'relay',
  schema: relaySchema,
  hooks: ['keep'],
  inFlight: ({ source }) => source,
  probes: (probe) => ({ kept: probe<Delivery>('kept', 'messages') }),
  build: openRelay,
  graph: (deliveries, { config, dependencies: { keep = () => true }, probes }, { publish }) =>
    deliveries.pipe(
      tap(probes.received.hit),
      decodeInput(config.input),
      mapMessage((message) => (keep(message) ? message : drop)),
      tap(probes.kept.hit),
      publish,
      settle(),
      tap(probes.settled.hit),
    ),
  actions: (parts) => ({ topicOf: () => parts()?.topicId }),
});

async function openRelay(opening: ServiceOpening<v.InferOutput<typeof relaySchema>, unknown, RelayDependencies>) {
  const { config, context } = opening;
  const { telemetry, readiness, credit } = context;
  const { topicId } = config.output;
  const input = await openPubSubInput(opening);
  const publisher = new Publisher({
    connections: input.clients.publishConnections,
    projectId: config.google.projectId,
    retry: { ...config.publish.retry, giveUpAfterMs: Number.POSITIVE_INFINITY },
    timeoutMs: config.publish.timeoutMs,
    telemetry,
    readiness,
    component: 'publish',
  });
  const toTarget = ({ message: { payload, attributes } }: Delivery) => ({
    topicId,
    message: { data: payload, attributes, orderingKey: '' },
  });
  return { ...input, topicId, publish: pubsubSink({ publisher, config: config.publish, credit, telemetry, toTarget }) };
}

suite('a service', (it) => {
  const { test } = it;
  const scope = testScope(it);

  test('is declared once and runs: settings, hooks, probes, graph, metrics and actions', async () => {
    const { sandbox } = await startServers(scope, { parts: ['pubsub'] });
    const { projectId } = sandbox;
    const pubsub = scope.use(new PubSub({ projectId }));
    const [input, output] = await newTopics(pubsub, 'input', 'output');
    const received = receiveMessages(scope.use(pubsub.subscription(output)));
    const config = v.parse(createRelay.settings.schema, {
      service: 'relay',
      google: { projectId },
      http: { host: '127.0.0.1', port: 0 },
      source: { subscriptionId: input },
      input: 'raw',
      output: { topicId: output },
    });
    const service = createRelay(config, {
      keep: ({ attributes }) => attributes.kind !== 'noise',
      telemetry: { level: 'silent', processMetrics: false },
    });
    scope.defer(() => service.shutdown(5_000));
    const kept: string[] = [];
    service.probes.kept.subscribe(({ message }) => kept.push(String(message.attributes.kind)));
    assert.is(service.topicOf(), undefined);
    await service.start();
    await service.ready;
    assert.is(service.topicOf(), output);

    await pubsub.topic(input).publishMessage({ data: Buffer.from('hum'), attributes: { kind: 'noise' } });
    await pubsub.topic(input).publishMessage({ data: Buffer.from('21.5'), attributes: { kind: 'reading' } });
    await eventually(() => {
      const { acked, dropped, inFlight } = service.ledger;
      assert.equal({ acked, dropped, inFlight }, { acked: 1, dropped: 1, inFlight: 0 });
      assert.equal(
        received.map(({ data }) => data.toString()),
        ['21.5'],
      );
    });
    assert.equal(kept, ['reading']);
    assert.match(await (await fetch(`${service.url}/metrics`)).text(), 'stage="kept"');

    // The live page needs nothing of its own.
    assert.match(await (await fetch(service.url)).text(), '<main id="services"');
    const { events } = scope.use(readServerSentEvents<LiveMessage>(`${service.url}/live`));
    await eventually(() => assert.ok(events.length > 0));
    const [relay] = events[0]?.services ?? [];
    assert.equal(
      relay?.boxes.map(({ role, title, operators }) => [role, title, ...operators]),
      [
        ['source', 'Pub/Sub'],
        ['between', 'kept', 'decodeInput', 'mapMessage'],
        ['sink', 'publish', 'publish', 'settle'],
        ['settled', 'settled'],
      ],
    );
    assert.equal(
      relay?.edges.map(({ probe, count }) => [probe, count]),
      [
        ['received', 2],
        ['kept', 1],
        ['settled', 1],
      ],
    );
    assert.is(relay?.ledger.dropped, 1);
    assert.equal(await service.shutdown(5_000), { abandoned: 0 });
  });

  test('has no live page and no tap with http.page: false', async () => {
    const { sandbox } = await startServers(scope, { parts: ['pubsub'] });
    const { projectId } = sandbox;
    const pubsub = scope.use(new PubSub({ projectId }));
    const [input, output] = await newTopics(pubsub, 'input', 'output');
    const config = v.parse(createRelay.settings.schema, {
      ...{ service: 'relay', google: { projectId }, source: { subscriptionId: input }, output: { topicId: output } },
      http: { host: '127.0.0.1', port: 0, page: false },
    });
    const service = createRelay(config, { telemetry: { level: 'silent', processMetrics: false } });
    scope.defer(() => service.shutdown(5_000));
    await service.start();
    for (const [path, status] of [
      ...(['/healthz', '/metrics'] as const).map((path) => [path, 200] as const),
      ...(['/', '/page.js', '/live', '/tap/received'] as const).map((path) => [path, 404] as const),
    ]) {
      assert.is((await fetch(`${service.url}${path}`)).status, status, path);
    }
  });
});

suite('the services', ({ test }) => {
  test('have the names they are registered under', () => {
    assert.equal(
      Object.values(SERVICES).map(({ settings }) => settings.name),
      SERVICE_NAMES,
    );
  });

  for (const name of SERVICE_NAMES) {
    test(`${name} shows its whole graph near the top of its file`, () => {
      const file = readFileSync(join(import.meta.dirname, name, `${name}.ts`), 'utf8');
      const top = file.split('\n').slice(0, 60).join('\n');
      assert.match(
        top,
        /deliveries\.pipe\([^;]*tap\(probes\.received\.hit\)[^;]*settle\(\),\s+tap\(probes\.settled\.hit\)/,
      );
    });
  }
});
