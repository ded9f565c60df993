import { SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { NEVER, of, throwError } from 'rxjs';
import * as assert from 'uvu/assert';
import type { Delivery } from '../../core/delivery.ts';
import { RetryableError } from '../../core/errors.ts';
import type { Original } from '../../core/message.ts';
import type { OrderedEffect } from '../../operators/ordered-by-key.ts';
import { Tracing } from '../../telemetry/tracing.ts';
import { suite } from '../../testing/suite.ts';
import { testContext, testDelivery } from '../../testing/test-context.ts';
import { traceLookup } from './enrich.ts';

/** Looks up data for a traced message, and returns the spans that have ended. */
function spansOf(addData: OrderedEffect<Delivery>) {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const tracing = new Tracing({ provider, ratio: 1 });
  const startTrace = (original: Original) => tracing.startMessage(original, '');
  const delivery = testDelivery({ ...testContext(), startTrace });
  traceLookup(addData)(delivery)
    .subscribe({ error: () => {} })
    .unsubscribe();
  return exporter.getFinishedSpans().map(({ name, status, attributes }) => [name, status, attributes['error.type']]);
}

suite('traceLookup', ({ test }) => {
  test('records a span, with the error of a lookup that failed', () => {
    assert.equal(spansOf(of), [['lookup', { code: SpanStatusCode.UNSET }, undefined]]);
    assert.equal(
      spansOf(() => throwError(() => new RetryableError('unreachable'))),
      [['lookup', { code: SpanStatusCode.ERROR, message: 'unreachable' }, 'RetryableError']],
    );
  });

  test('ends the span of a lookup that is abandoned', () => {
    assert.equal(
      spansOf(() => NEVER),
      [['lookup', { code: SpanStatusCode.UNSET }, undefined]],
    );
  });
});
