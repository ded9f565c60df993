import { type TracerProvider as Provider, ROOT_CONTEXT, SpanStatusCode } from '@opentelemetry/api';
import * as assert from 'uvu/assert';
import { PoisonError } from '../core/errors.ts';
import type { Original } from '../core/message.ts';
import { startOtlpCollector } from '../testing/otlp-collector.ts';
import { testScope } from '../testing/scope.ts';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery } from '../testing/test-context.ts';
import { openOtlpProvider } from './otlp-provider.ts';
import { Tracing } from './tracing.ts';

suite('the provider of a collector', (it) => {
  const { test } = it;
  const scope = testScope(it);

  async function opened(path = '') {
    const collector = scope.use(await startOtlpCollector());
    const failures: string[] = [];
    const counts = { ended: 0, exported: 0, failed: 0 };
    const provider = openOtlpProvider({
      endpoint: `${collector.url}${path}`,
      serviceName: 'alarms',
      counts,
      onFailed: ({ message }) => failures.push(message),
    });
    return { collector, counts, failures, provider, tracer: (provider as Provider).getTracer('test') };
  }

  for (const [endpoint, url] of [
    ['', '/v1/traces'],
    ['/', '/v1/traces'],
    ['/otlp/', '/otlp/v1/traces'],
    ['/otlp?tenant=a', '/otlp/v1/traces?tenant=a'],
  ] as const) {
    test(`sends to ${url} for an address that ends with "${endpoint}"`, async () => {
      const { collector, provider, tracer } = await opened(endpoint);
      tracer.startSpan('one').end();
      await provider.shutdown();
      assert.equal(collector.urls, [url]);
    });
  }

  test('bounds the values and the links of a span', async () => {
    const { collector, provider, tracer } = await opened();
    const tracing = new Tracing({ provider, ratio: 1 });
    const context = { ...testContext(), startTrace: (original: Original) => tracing.startMessage(original, '') };
    const delivery = testDelivery(context, { attributes: { mqtt_topic: 'a/'.repeat(20_000) } });
    delivery.deadLetter(new PoisonError('hook_failed', 'x'.repeat(1_000_000)));
    context.deadLettered[0]?.publish();
    const link = { context: tracer.startSpan('').spanContext() };
    tracer.startSpan('request', { links: new Array(1_200).fill(link) }, ROOT_CONTEXT).end();
    await provider.shutdown();

    const message = collector.spans.find(({ name }) => name.startsWith('process'));
    const request = collector.spans.find(({ name }) => name === 'request');
    assert.is(message?.status.code, SpanStatusCode.ERROR);
    assert.is(message?.status.message.length, 4_096);
    const longest = [message?.attributes, ...(message?.events ?? []).map(({ attributes }) => attributes)]
      .flatMap((attributes) => Object.values(attributes ?? {}))
      .reduce((most: number, value) => Math.max(most, String(value).length), 0);
    assert.is(longest, 4_096);
    assert.is(request?.links.length, 1_000);
  });
});
