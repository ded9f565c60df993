import { PubSub } from '@google-cloud/pubsub';
import { trace } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto } from '../src/testing/mosquitto.ts';
import { type CollectedSpan, type OtlpCollector, startOtlpCollector } from '../src/testing/otlp-collector.ts';
import { envelopeData } from '../src/testing/publish-envelope.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { Scrape } from '../src/testing/scrape.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { NO_COMPILE_CACHE } from '../src/testing/service-process.ts';
import { startSilentServer } from '../src/testing/silent-server.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun, type TestRun } from '../src/testing/test-run.ts';
import type { Platform } from '../src/tools/demo/platform.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN_ID = 'b7ad6b7169203331';
/** As another program may write it. */
const CONTEXT = { traceparent: `00-${TRACE_ID}-${SPAN_ID}-01` };
const CLIENT = 3;
const CONSUMER = 5;
const ERROR = 2;

suite('traces', (it) => {
  const { test } = it;
  const whole = suiteScope(it);
  const scope = testScope(it);
  let servers: Servers;
  it.before(async () => {
    servers = await startServers(whole, { mosquitto: true });
  });

  const open = (env: Readonly<Record<string, string>>): Promise<TestRun> =>
    openRun(scope, {
      projectId: servers.sandbox.projectId,
      mqttUrl: servers.mqttEnv.MQTT_URL,
      devices: 3,
      env: { ...servers.mqttEnv, ...env },
    });

  const traced = async (ratio = 1): Promise<{ collector: OtlpCollector; run: TestRun }> => {
    const collector = scope.use(await startOtlpCollector());
    const run = await open({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: String(ratio) });
    return { collector, run };
  };

  test('follow each message through all four services, with a span for each request that links its messages', async () => {
    const { collector, run } = await traced();
    const platform = await run.startPlatform();
    await run.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: 20 }).done;
    await run.arrivalInBothSinks(20);
    await platform.shutdown();

    assert.equal(collector.problems, []);
    const { topics, subscriptions } = run.resources;
    const processed = collector.spans.filter(({ kind }) => kind === CONSUMER);
    const of = (service: string) => processed.filter((span) => span.service === service);
    for (const service of ['ingestion', 'enrich', 'icestore', 'bigqueries']) {
      assert.is(of(service).length, 20, service);
      for (const { attributes, status } of of(service)) {
        assert.is(attributes['dataflow.outcome'], 'acked');
        assert.is(status.code, 0);
      }
    }
    for (const root of of('ingestion')) {
      assert.is(root.parentSpanId, '');
      assert.match(String(root.attributes['messaging.destination.name']), /\/devices\/.+\/readings$/);
      const inTrace = (service: string): CollectedSpan => {
        const spans = of(service).filter(({ traceId }) => traceId === root.traceId);
        assert.is(spans.length, 1, service);
        return spans[0] ?? root;
      };
      const [enrich, icestore, bigqueries] = [inTrace('enrich'), inTrace('icestore'), inTrace('bigqueries')];
      assert.is(enrich.parentSpanId, root.spanId);
      assert.is(icestore.parentSpanId, root.spanId);
      assert.is(bigqueries.parentSpanId, enrich.spanId);
      assert.is(enrich.name, `process ${subscriptions.enrich}`);
      assert.equal(names(root), ['routed', 'flushed']);
      assert.equal(names(enrich), ['enriched', 'flushed']);
      assert.equal(names(icestore), ['decoded', 'flushed']);
      assert.equal(names(bigqueries), ['decoded', 'flushed']);
    }
    // Each message is linked from exactly one request of its service, and links to it.
    for (const [service, name] of [
      ['ingestion', `publish ${topics.raw}`],
      ['enrich', `publish ${topics.enriched}`],
      ['icestore', `upload ${run.resources.bucket}`],
      ['bigqueries', `insert ${run.resources.dataset}.${run.resources.table}`],
    ] as const) {
      const requests = collector.spans.filter((span) => span.service === service && span.kind === CLIENT);
      assert.ok(requests.length > 0 && requests.every((request) => request.name === name), service);
      const linked = requests.flatMap((request) => request.links.map(({ spanId }) => [spanId, request.spanId]));
      const back = of(service).flatMap((message) => message.links.map(({ spanId }) => [message.spanId, spanId]));
      assert.is(linked.length, 20, service);
      assert.equal(linked.sort(), back.sort());
    }
    const lookups = collector.spans.filter(({ name }) => name === 'lookup');
    assert.ok(lookups.length >= 3, 'at least one for each device: memory has none at first');
    for (const { parentSpanId } of lookups) assert.ok(of('enrich').some(({ spanId }) => spanId === parentSpanId));
    const [any] = collector.spans;
    assert.match(String(any?.resource['service.version']), /^\d+\./);
    assert.is(await spanCount(platform, 'failed'), 0);
    assert.is(await spanCount(platform, 'exported'), await spanCount(platform, 'ended'));
  });

  test('end with the reason where a message is dead-lettered', async () => {
    const { collector, run } = await traced();
    const platform = await run.startPlatform();
    const { topics, projectId } = run.resources;
    const pubsub = scope.use(new PubSub({ projectId }));
    await pubsub.topic(topics.raw).publishMessage({ data: Buffer.from('no envelope'), attributes: CONTEXT });
    const enrich = platform.service('enrich');
    await eventually(() => assert.is(enrich.ledger.deadLettered, 1));
    await platform.shutdown();
    const span = collector.spans.find(({ service, traceId }) => service === 'enrich' && traceId === TRACE_ID);
    assert.is(span?.attributes['dataflow.outcome'], 'dead_lettered');
    assert.equal(span?.status, { code: ERROR, message: 'the data is not a JSON envelope' });
    assert.is(span?.attributes['error.type'], 'undecodable');
    assert.equal(span && names(span), ['exception', 'flushed']);
    assert.ok(
      collector.spans.some(
        ({ name, links }) => name === `publish ${topics.deadLetters}` && links[0]?.spanId === span?.spanId,
      ),
      'the request that published the dead letter',
    );
  });

  test('continue those of Google clients, and Google clients continue them', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    trace.setGlobalTracerProvider(provider);
    scope.defer(() => trace.disable());
    const { collector, run } = await traced(0);
    const platform = await run.startPlatform();
    const { topics, runId, projectId } = run.resources;
    const pubsub = scope.use(new PubSub({ projectId, enableOpenTelemetryTracing: true }));
    const [subscription] = await pubsub.topic(topics.enriched).createSubscription(`traced-${runId}`);
    let isReceived = false;
    subscription.on('message', (message) => {
      isReceived = true;
      message.ack();
    });
    await pubsub.topic(topics.raw).publishMessage({ data: envelopeData('g-1', { device_id: 'd1' }) });
    await eventually(() => assert.ok(isReceived));
    await platform.shutdown();
    await subscription.close();

    const span = (name: string) => exporter.getFinishedSpans().find((each) => each.name === name);
    const created = span(`${topics.raw} create`);
    const enrich = collector.spans.find(({ service, kind }) => service === 'enrich' && kind === CONSUMER);
    const received = span(`traced-${runId} subscribe`);
    assert.is(enrich?.traceId, created?.spanContext().traceId);
    assert.is(enrich?.parentSpanId, created?.spanContext().spanId);
    assert.is(received?.spanContext().traceId, enrich?.traceId);
    assert.is(received?.parentSpanContext?.spanId, enrich?.spanId);
  });

  test('continue the context of an MQTT 5 message; one that is not sampled starts no trace', async () => {
    if (findMosquitto() === undefined) return;
    const { collector, run } = await traced(1);
    const ingestion = await run.start('ingestion');
    await ingestion.ready();
    const client = await connectAsync(servers.mqttEnv.MQTT_URL, { protocolVersion: 5 });
    scope.defer(() => client.endAsync());
    const topic = 'sites/s1/devices/d1/readings';
    for (const flags of ['00', '01']) {
      const userProperties = { traceparent: `00-${TRACE_ID}-${SPAN_ID}-${flags}`, tracestate: 'vendor=a' };
      await client.publishAsync(topic, '{}', { qos: 1, properties: { userProperties } });
    }
    await client.publishAsync(topic, '{}', { qos: 1, properties: { userProperties: { traceparent: 'nonsense' } } });
    await eventually(async () => assert.is((await ingestion.scrape()).settled('acked'), 3));
    assert.is(await ingestion.end('SIGTERM'), 0);

    const processed = collector.spans.filter(({ kind }) => kind === CONSUMER);
    assert.is(processed.length, 2);
    const [continued] = processed.filter(({ traceId }) => traceId === TRACE_ID);
    assert.is(continued?.parentSpanId, SPAN_ID);
    assert.is(processed.find(({ traceId }) => traceId !== TRACE_ID)?.parentSpanId, '');
  });

  test('of a silent collector cost no message, no readiness, and little time at the end', async () => {
    const silent = scope.use(await startSilentServer());
    const run = await open({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${silent.port}`,
      OTEL_TRACES_SAMPLER_ARG: '1',
    });
    const platform = await run.startPlatform();
    await run.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: 3_000 }).done;
    await run.arrivalInBothSinks(3_000);
    const startedAt = performance.now();
    await platform.shutdown();
    assert.ok(performance.now() - startedAt < 4 * 5_000, 'at most 2 s a service for a collector that does not answer');
    for (const { ledger } of platform.all) assert.is(ledger.acked, 3_000);
  });

  for (const [collector, deadlineMs, withinMs] of [
    ['unreachable', 25_000, 4_000],
    ['silent', 25_000, 4_000],
    ['unreachable', 100, 2_100],
    ['silent', 100, 2_100],
  ] as const) {
    test(`are given up at the end, and reported, if the collector is ${collector}: ${deadlineMs} ms before the deadline`, async () => {
      const silent = scope.use(await startSilentServer());
      const endpoint = `http://user:secret@127.0.0.1:${silent.port}`;
      if (collector === 'unreachable') await silent.close();
      const run = await open({
        ...NO_COMPILE_CACHE,
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        DATAFLOW_SHUTDOWN__DEADLINE_MS: String(deadlineMs),
      });
      const enrich = await run.start('enrich');
      const pubsub = scope.use(new PubSub({ projectId: run.resources.projectId }));
      await pubsub.topic(run.resources.topics.raw).publishMessage({ data: Buffer.from('x'), attributes: CONTEXT });
      await eventually(async () => assert.is((await enrich.scrape()).settled('dead_lettered'), 1));
      const startedAt = performance.now();
      assert.is(await enrich.end('SIGTERM'), 0);
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < withinMs, `${tookMs} ms`);
      assert.match(enrich.output, /"event":"traces.export_failed","endpoint":"http:\/\/user:\*\*\*@.*"spans":2/);
      assert.not.match(enrich.output, 'secret');
    });
  }

  test('are not recorded with OTEL_SDK_DISABLED', async () => {
    const collector = scope.use(await startOtlpCollector());
    const run = await open({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SDK_DISABLED: 'TRUE' });
    const enrich = await run.start('enrich');
    const pubsub = scope.use(new PubSub({ projectId: run.resources.projectId }));
    await pubsub.topic(run.resources.topics.raw).publishMessage({ data: Buffer.from('x'), attributes: CONTEXT });
    await eventually(async () => assert.is((await enrich.scrape()).settled('dead_lettered'), 1));
    assert.is((await enrich.scrape()).value('dataflow_spans_total', { state: 'ended' }), 0);
    assert.is(await enrich.end('SIGTERM'), 0);
    assert.equal(collector.urls, []);
  });

  test('that a collector refuses are counted and logged', async () => {
    const collector = scope.use(await startOtlpCollector(400));
    const run = await open({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '1' });
    const platform = await run.startPlatform();
    await run.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: 10 }).done;
    await run.arrivalInBothSinks(10);
    await platform.shutdown();
    assert.ok((await spanCount(platform, 'failed')) >= 10);
    assert.is(await spanCount(platform, 'failed'), await spanCount(platform, 'ended'));
    assert.is(await spanCount(platform, 'exported'), 0);
    assert.is((await scrapeOf(platform)).events('traces.export_failed'), 1);
  });
});

async function scrapeOf(platform: Platform): Promise<Scrape> {
  return new Scrape(await platform.service('ingestion').telemetry.registry.metrics());
}

async function spanCount(platform: Platform, state: 'ended' | 'exported' | 'failed'): Promise<number> {
  return (await scrapeOf(platform)).value('dataflow_spans_total', { state });
}

/** Returns the stages that a span has passed. */
function names({ events }: CollectedSpan): string[] {
  return events.map(({ name }) => name);
}
