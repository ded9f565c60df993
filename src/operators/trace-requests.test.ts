import { type TracerProvider as Provider, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { NEVER, of, Subject } from 'rxjs';
import * as assert from 'uvu/assert';
import type { Delivery, DeliveryContext } from '../core/delivery.ts';
import { PoisonError, RetryableError } from '../core/errors.ts';
import type { Original } from '../core/message.ts';
import { Tracing } from '../telemetry/tracing.ts';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery } from '../testing/test-context.ts';
import type { ItemResult, Slot } from './batch-into.ts';
import { type Batch, PartitionKey } from './batcher.ts';
import { traceRequests } from './trace-requests.ts';

const TRACE = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
const SLOT: Slot = { pause: () => {}, resume: () => of(undefined), retries: () => {} };
const describe = () => ({ name: 'write', attributes: {} });

function recorder() {
  const exporter = new InMemorySpanExporter();
  const provider: Provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const tracing = new Tracing({ provider, ratio: 0 });
  const context = {
    ...testContext(),
    startTrace: (original: Original) => tracing.startMessage(original, 'projects/p/subscriptions/s'),
  };
  return { exporter, tracing, context };
}

/** A batch with one traced and one untraced message. */
function batchOf(context: DeliveryContext): Batch {
  const items = [testDelivery(context, { attributes: TRACE }), testDelivery(context)].map((delivery) => ({
    ...{ delivery, key: new PartitionKey('target'), bytes: 1 },
  }));
  return { key: new PartitionKey('target'), items, bytes: 2, reason: 'age' };
}

suite('traceRequests', ({ test }) => {
  test('links a request and its traced messages, and records retries and the first error', () => {
    const { exporter, tracing, context } = recorder();
    const results = new Subject<readonly ItemResult[]>();
    let slot: Slot | undefined;
    const seen: string[] = [];
    const own: Slot = {
      ...SLOT,
      pause: (target) => seen.push(target),
      retries: (isOutage) => seen.push(`${isOutage}`),
    };
    const effect = traceRequests(tracing, describe, (_, given) => {
      slot = given;
      return results;
    });
    const batch = batchOf(context);
    effect(batch, own).subscribe();
    slot?.pause('target', true);
    slot?.retries(false);
    assert.equal(seen, ['target', 'false'], 'the slot itself is still used');
    assert.equal(exporter.getFinishedSpans(), []);
    results.next([undefined, new RetryableError('too slow')]);
    results.complete();

    const [request] = exporter.getFinishedSpans();
    assert.is(request?.name, 'write');
    assert.equal(request?.status, { code: SpanStatusCode.ERROR, message: 'too slow' });
    assert.is(request?.attributes['error.type'], 'RetryableError');
    assert.is(request?.kind, SpanKind.CLIENT);
    assert.equal(
      request?.events.map(({ name }) => name),
      ['retried', 'retried'],
    );
    batch.items[0]?.delivery.ack();
    const [, message] = exporter.getFinishedSpans();
    assert.equal(
      request?.links.map((link) => link.context.spanId),
      [message?.spanContext().spanId],
    );
    assert.equal(
      message?.links.map((link) => link.context.spanId),
      [request?.spanContext().spanId],
    );
    assert.is(message?.parentSpanContext?.spanId, 'b7ad6b7169203331');
  });

  test('ends the span of a request that is abandoned', () => {
    const { exporter, tracing, context } = recorder();
    traceRequests(
      tracing,
      describe,
      () => NEVER,
    )(batchOf(context), SLOT)
      .subscribe()
      .unsubscribe();
    assert.equal(
      exporter.getFinishedSpans().map(({ status }) => status),
      [{ code: SpanStatusCode.ERROR, message: 'abandoned without a result' }],
    );
  });

  test('records nothing for untraced messages, and is the effect itself without tracing', () => {
    const { exporter, tracing, context } = recorder();
    const effect = () => of([undefined]);
    const { items, ...rest } = batchOf(context);
    traceRequests(tracing, describe, effect)({ ...rest, items: items.slice(1) }, SLOT).subscribe();
    assert.equal(exporter.getFinishedSpans(), []);
    assert.is(traceRequests(undefined, describe, effect), effect);
  });
});

suite('the span of a message', ({ test }) => {
  test('ends once, with its outcome and the error that it failed with', () => {
    const { exporter, context } = recorder();
    const endings: readonly (readonly [string, (delivery: Delivery) => void])[] = [
      ['acked', (delivery) => delivery.ack()],
      ['nacked', (delivery) => delivery.nack()],
      ['dropped', (delivery) => delivery.drop()],
      ['nacked', (delivery) => delivery.ackHandle.abandon()],
      [
        'expired',
        (delivery) => {
          delivery.ackHandle.expire();
          delivery.ack();
        },
      ],
    ];
    for (const [, settle] of endings) settle(testDelivery(context, { attributes: TRACE }));
    const dead = testDelivery(context, { attributes: TRACE });
    dead.deadLetter(new PoisonError('rejected', 'not for me'));
    context.deadLettered.at(-1)?.publish();
    const spans = exporter.getFinishedSpans();
    assert.equal(
      spans.map(({ attributes }) => attributes['dataflow.outcome']),
      [...endings.map(([outcome]) => outcome), 'dead_lettered'],
    );
    assert.equal(spans.at(-1)?.status, { code: SpanStatusCode.ERROR, message: 'not for me' });
    assert.is(spans[4]?.status.code, SpanStatusCode.ERROR);
    assert.equal(
      spans.map(({ attributes }) => attributes['error.type']),
      [undefined, undefined, undefined, undefined, 'expired', 'rejected'],
    );
  });

  test('holds no more of an error and of a topic than 4,096 characters, whatever the limits of the provider', () => {
    const { exporter, context } = recorder();
    const delivery = testDelivery(context, { attributes: { ...TRACE, mqtt_topic: 'a/'.repeat(30_000) } });
    delivery.deadLetter(new PoisonError('hook_failed', 'x'.repeat(1_000_000)));
    context.deadLettered[0]?.publish();
    const [span] = exporter.getFinishedSpans();
    const texts = [span?.attributes, span?.events[0]?.attributes, { status: span?.status.message }].flatMap((values) =>
      Object.values(values ?? {}).map((value) => String(value).length),
    );
    assert.is(Math.max(...texts), 4_096);
    assert.is(span?.events[0]?.attributes?.['exception.type'], 'PoisonError');
  });

  test('is missing where a trace is not sampled, and where its context is not valid and chance says no', () => {
    const { context } = recorder();
    for (const traceparent of [
      TRACE.traceparent.replace(/01$/, '00'),
      TRACE.traceparent.replace(/^00/, 'ff'),
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      '',
      'x',
    ]) {
      assert.is(testDelivery(context, { attributes: { traceparent } }).ackHandle.trace, undefined, traceparent);
    }
    const google = { googclient_traceparent: TRACE.traceparent, traceparent: 'x' };
    assert.ok(testDelivery(context, { attributes: google }).ackHandle.trace);
  });

  test('starts for the configured share of messages', () => {
    for (const [ratio, least, most] of [
      [0, 0, 0],
      [0.25, 2_000, 3_000],
      [1, 10_000, 10_000],
    ] as const) {
      const provider: Provider = new TracerProvider();
      const tracing = new Tracing({ provider, ratio });
      const context = { ...testContext(), startTrace: (original: Original) => tracing.startMessage(original, '') };
      let traced = 0;
      for (let index = 0; index < 10_000; index += 1) {
        if (testDelivery(context).ackHandle.trace !== undefined) traced += 1;
      }
      assert.ok(traced >= least && traced <= most, `${traced} of 10,000 at ${ratio}`);
    }
  });

  test('passes no trace state on if the one it came with is not valid', () => {
    const { context } = recorder();
    const { trace } = testDelivery(context, { attributes: { ...TRACE, tracestate: 'nonsense' } }).ackHandle;
    assert.equal(Object.keys(trace?.attributes ?? {}), ['googclient_traceparent']);
  });

  test('passes its context on, with the trace state it came with', () => {
    const { context } = recorder();
    const { trace } = testDelivery(context, { attributes: { ...TRACE, tracestate: 'vendor=a' } }).ackHandle;
    const { googclient_traceparent = '', ...rest } = trace?.attributes ?? {};
    assert.match(googclient_traceparent, /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    assert.not.match(googclient_traceparent, 'b7ad6b7169203331');
    assert.equal(rest, { googclient_tracestate: 'vendor=a' });
  });
});

suite('a provider that throws', ({ test }) => {
  const refuse = (): never => {
    throw new Error('not now');
  };
  const span = new TracerProvider().getTracer('').startSpan('');

  /** Each provider fails in another place. */
  const providers: Readonly<Record<string, Provider>> = {
    'when a span starts': { getTracer: () => ({ startSpan: refuse, startActiveSpan: refuse }) },
    'when a span ends': new TracerProvider({
      spanProcessors: [{ onStart: () => {}, onEnd: refuse, forceFlush: async () => {}, shutdown: async () => {} }],
    }),
    'in every method of a span': {
      getTracer: () => ({
        startSpan: () => {
          const throwing = new Proxy(span, {
            get: (_, name) =>
              name === 'isRecording' ? () => true : name === 'spanContext' ? () => span.spanContext() : refuse,
          });
          return throwing;
        },
        startActiveSpan: refuse,
      }),
    },
  };

  for (const [when, provider] of Object.entries(providers)) {
    test(`${when} costs spans, and no message`, () => {
      const errors: string[] = [];
      const tracing = new Tracing({ provider, ratio: 0, onError: ({ message }) => errors.push(message) });
      const context = { ...testContext(), startTrace: (original: Original) => tracing.startMessage(original, '') };
      const batch = batchOf(context);
      const [traced, other] = batch.items;
      const seen: unknown[] = [];
      const effect = traceRequests(tracing, describe, (_, slot) => {
        slot.pause('target', true);
        return of([undefined, new RetryableError('too slow')]);
      });
      effect(batch, SLOT).subscribe((results) => seen.push(...results.map((result) => result?.message)));
      assert.equal(seen, [undefined, 'too slow']);
      traced?.delivery.ackHandle.trace?.pass('decoded');
      traced?.delivery.ackHandle.trace?.begin('lookup')();
      assert.not.throws(() => traced?.delivery.ackHandle.trace?.attributes);
      traced?.delivery.ack();
      other?.delivery.deadLetter(new PoisonError('rejected', 'not for me'));
      context.deadLettered[0]?.publish();
      const { acked, deadLettered, inFlight } = context.ledger;
      assert.equal({ acked, deadLettered, inFlight }, { acked: 1, deadLettered: 1, inFlight: 0 });
      assert.is(context.credit.messages, 0);
      assert.ok(errors.length > 0 && errors.every((error) => error === 'not now'), errors.join());
    });
  }
});
