import { hostname } from 'node:os';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { packageVersion } from '../util/version.ts';
import type { SpanCounts } from './telemetry.ts';

/** Spans that wait for the collector. Further ones are dropped. */
const MAX_WAITING = 2_048;
/** Links of one span: the traced messages of a request. Further ones are left out and counted in the span. */
const MAX_LINKS = 1_000;

export interface OtlpOptions {
  /** Address of the collector, such as `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  /** The resource's `service.name`, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` set it. */
  readonly serviceName: string;
  readonly counts: SpanCounts;
  readonly onFailed: (error: Error, spans: number) => void;
}

/**
 * Opens a provider that sends spans to a collector: OTLP over HTTP as JSON, in batches, every five seconds. Holds at
 * most 2,048 spans; further ones are dropped. `OTEL_EXPORTER_OTLP_HEADERS` and the other variables of the exporter
 * apply (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
 */
export function openOtlpProvider({ endpoint, serviceName, counts, onFailed }: OtlpOptions): TracerProvider {
  const own = resourceFromAttributes({
    'service.name': serviceName,
    'service.version': packageVersion(),
    'service.instance.id': hostname(),
  });
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
  return new TracerProvider({
    resource: own.merge(detectResources({ detectors: [envDetector] })),
    // `Tracing` chooses the messages.
    sampler: new AlwaysOnSampler(),
    spanLimits: { linkCountLimit: MAX_LINKS },
    spanProcessors: [
      new BatchSpanProcessor({ exporter: countedExporter(exporter, counts, onFailed), maxQueueSize: MAX_WAITING }),
      countEnded(counts),
    ],
  });
}

function countEnded(counts: SpanCounts): SpanProcessor {
  return {
    onStart() {},
    onEnd() {
      counts.ended += 1;
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}

function countedExporter(exporter: SpanExporter, counts: SpanCounts, onFailed: OtlpOptions['onFailed']): SpanExporter {
  return {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void) {
      exporter.export(spans, (result) => {
        if (result.code === ExportResultCode.SUCCESS) counts.exported += spans.length;
        else {
          counts.failed += spans.length;
          onFailed(result.error ?? new Error('the collector refused them'), spans.length);
        }
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
